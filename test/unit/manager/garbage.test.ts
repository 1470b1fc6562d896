import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { findGarbage } from '../../../src/manager/garbage.ts';
import type { Position } from '../../../src/stores/registry/position.ts';
import { RecordObjects } from '../../../src/stores/records/records.ts';
import { MemoryObjects } from '../../support/memory-objects.ts';

const ARTIFACT = { digest: `sha256:${'a'.repeat(64)}`, bytes: 5, usedMs: 0 } as const;

function garbageOf(position: Position | undefined) {
  return findGarbage({
    registry: { position: () => Promise.resolve(position), async *records() {} },
    records: new RecordObjects(new MemoryObjects(), DEFAULT_LIMITS),
    stores: [
      {
        kind: 'artifact',
        async *list() {
          yield ARTIFACT;
        },
        delete: () => Promise.resolve(true),
      },
    ],
    now: () => Number.MAX_SAFE_INTEGER,
  });
}

test('nothing is garbage while neither registry nor records are there to say what is needed', async () => {
  await assert.rejects(garbageOf(undefined), { code: 'STORE_UNAVAILABLE', message: /not known/ });
  assert.equal((await garbageOf({ history: 'h', revision: 3 })).length, 1);
});
