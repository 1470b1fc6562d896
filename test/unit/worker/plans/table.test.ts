import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as fc from 'fast-check';
import { openPageReturn, type PageReturn } from '../../../../src/runtime/native-heap.ts';
import { PAGE_BYTES } from '../../../../src/worker/plans/pages.ts';
import { PlanTable } from '../../../../src/worker/plans/table.ts';

const SEGMENT_BYTES = 16 * 1024;

let pageReturn: PageReturn | undefined;

before(async () => {
  pageReturn = await openPageReturn(PAGE_BYTES, () => undefined);
});

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      model: fc.nat(30),
      version: fc.nat(3),
      bytes: fc.oneof(fc.nat(500), fc.nat(3_000), fc.nat(40_000)),
      fill: fc.nat(255),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lease' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unlease' as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('compact' as const), bytes: fc.nat(30_000) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'trim' as const }) },
);

interface Known {
  readonly handle: number;
  readonly blob: Uint8Array;
  leasedAt: number | undefined;
}

function check(table: PlanTable, known: ReadonlyMap<string, Known>): void {
  const { fields, slabs } = table;
  const spans: [from: number, to: number][] = [];
  let liveBytes = 0;
  for (const [key, { handle, blob, leasedAt }] of known) {
    assert.equal(table.find(key), handle);
    assert.equal(table.keyOf(handle), key);
    const { chunk, base } = table.locate(handle);
    assert.equal(base % 8, 0);
    assert.deepEqual(chunk.memory.u8.slice(base, base + blob.byteLength), blob);
    const place = fields.places[handle] as number;
    if (leasedAt !== undefined) assert.equal(place, leasedAt);
    const bytes = fields.bytes[handle] as number;
    liveBytes += bytes;
    spans.push([place * 8, place * 8 + bytes]);
  }
  spans.sort((a, b) => a[0] - b[0]);
  for (const [index, [from]] of spans.entries())
    assert.ok(from >= (spans[index - 1]?.[1] ?? 0), 'entries overlap');
  assert.equal(table.count, known.size);
  assert.equal(slabs.liveBytes, liveBytes);
  assert.ok(slabs.heldBytes >= liveBytes);
}

for (const givesBack of [true, false])
  test(`keys and blobs stay whole and apart, whatever is added, removed, leased or moved; pages ${givesBack ? 'go back' : 'stay'}`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const table = new PlanTable({
          segmentBytes: SEGMENT_BYTES,
          chunkBytes: 1024 * 1024,
          pageReturn: givesBack ? pageReturn : undefined,
        });
        const known = new Map<string, Known>();
        const pick = (number: number): [string, Known] | undefined => [...known][number % known.size];
        for (const one of steps) {
          if (one.do === 'add') {
            const key = `acme/m${one.model}/${one.version}@digest`;
            if (known.has(key)) continue;
            const blob = new Uint8Array(one.bytes).fill(one.fill);
            const bytes = table.slabs.heldBytes + table.slabs.growthOf(entryBytes(key, blob));
            const handle = table.add(key, blob, 7);
            assert.ok(handle >= 0);
            assert.ok(table.slabs.heldBytes <= bytes, 'grew by more than was said');
            known.set(key, { handle, blob, leasedAt: undefined });
          } else if (one.do === 'compact') {
            const { heldBytes } = table.slabs;
            table.slabs.compact(one.bytes);
            assert.ok(table.slabs.heldBytes <= heldBytes, 'grew by compaction');
          } else if (one.do === 'trim') table.slabs.trim();
          else {
            const [key, found] = pick(one.pick) ?? [];
            if (key === undefined || found === undefined) continue;
            if (one.do === 'remove' && found.leasedAt === undefined) {
              table.remove(found.handle);
              known.delete(key);
            } else if (one.do === 'lease' && found.leasedAt === undefined) {
              table.fields.leases[found.handle] = 1;
              found.leasedAt = table.fields.places[found.handle];
            } else if (one.do === 'unlease') {
              table.fields.leases[found.handle] = 0;
              found.leasedAt = undefined;
            }
          }
        }
        check(table, known);
        for (let model = 0; model <= 30; model++) {
          const versions = [0, 1, 2, 3].map((version) => `acme/m${model}/${version}@digest`);
          assert.deepEqual(
            table
              .versionsOf(`acme/m${model}`)
              .map((handle) => table.keyOf(handle))
              .toSorted(),
            versions.filter((key) => known.has(key)),
          );
        }
        for (const { handle } of known.values()) table.fields.leases[handle] = 0;
        const { liveBytes } = table.slabs;
        for (let round = 0; round < 200; round++) table.slabs.compact(SEGMENT_BYTES);
        check(table, new Map([...known].map(([key, one]) => [key, { ...one, leasedAt: undefined }])));
        table.slabs.trim();
        if (givesBack) assert.ok(table.slabs.heldBytes <= 2.2 * liveBytes + 2 * SEGMENT_BYTES);
        for (const { handle } of known.values()) table.remove(handle);
        table.slabs.trim();
        if (givesBack) assert.equal(table.slabs.heldBytes, 0);
      }),
      { numRuns: 150 },
    );
  });

function entryBytes(key: string, blob: Uint8Array): number {
  const align8 = (bytes: number): number => Math.ceil(bytes / 8) * 8;
  return align8(8 + key.length) + align8(blob.byteLength);
}

test('what was freed is used again: held bytes stay, however many come and go', () => {
  const table = new PlanTable({ segmentBytes: SEGMENT_BYTES, chunkBytes: 1024 * 1024, pageReturn });
  const blob = new Uint8Array(1_000).fill(3);
  const handles: number[] = [];
  let most = 0;
  for (let turn = 0; turn < 20_000; turn++) {
    handles.push(table.add(`acme/m${turn}/1@digest`, blob, 1));
    if (handles.length > 200) {
      // Any of them, so that segments get holes.
      const [gone] = handles.splice((turn * 7919) % handles.length, 1);
      table.remove(gone as number);
      table.slabs.compact(8 * 1024);
    }
    most = Math.max(most, table.slabs.heldBytes);
  }
  assert.ok(most <= 1.3 * 200 * 1_040 + 3 * SEGMENT_BYTES, `${most} bytes for 200 entries`);
  assert.ok(table.slabs.compacted > 100);
  assert.equal(table.top, 201);
});
