import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';

const ROOT = new URL('../../', import.meta.url);

it('every invariant names tests that exist', () => {
  const page = readFileSync(new URL('test/INVARIANTS.md', ROOT), 'utf8');
  const named = [...page.matchAll(/^ +- `([^`]+)`: (.+)$/gm)];
  const invariants = [...page.matchAll(/^\d+\. \*\*/gm)];
  assert.ok(named.length >= invariants.length);
  for (const [, file = '', name = ''] of named) {
    const source = readFileSync(new URL(file, ROOT), 'utf8');
    assert.ok(source.includes(name), `${file} has no test "${name}"`);
  }
});
