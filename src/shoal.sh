#!/bin/sh
# The command `shoal`.
here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
exec sh "$here/node24.sh" --disable-warning=ExperimentalWarning "$here/main.ts" "$@"
