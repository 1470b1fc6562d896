import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { align8, readSection, sectionBytes, writeSection } from '../../../src/wire/tensor-section.ts';
import { tensors } from '../../support/wire-arbitraries.ts';

test('tensors come back as written, from any place in memory, with aligned data', () => {
  fc.assert(
    fc.property(tensors, fc.integer({ min: 0, max: 7 }), (list, shift) => {
      const bytes = sectionBytes(list);
      const memory = Buffer.alloc(16 + bytes);
      assert.equal(writeSection(memory, 8, list), 8 + bytes);
      const section = new Uint8Array(shift + bytes).subarray(shift);
      section.set(memory.subarray(8, 8 + bytes));
      const read = readSection(section);
      assert.deepEqual(
        read.map((tensor) => ({ ...tensor, data: Uint8Array.from(tensor.data) })),
        list,
      );
      for (const { data } of read) assert.equal((data.byteOffset - section.byteOffset) % 8, 0);
    }),
  );
});

test('a name keeps a leading byte order mark', () => {
  const list = [{ name: '\uFEFFx', datatype: 'BOOL' as const, shape: [], data: new Uint8Array(1) }];
  const section = Buffer.alloc(sectionBytes(list));
  writeSection(section, 0, list);
  assert.equal(readSection(section)[0]?.name, '\uFEFFx');
});

test('a damaged section is a RangeError or other tensors, never a read beyond it', () => {
  fc.assert(
    fc.property(
      tensors,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      fc.nat(),
      (list, changes, cut) => {
        const whole = Buffer.alloc(sectionBytes(list));
        writeSection(whole, 0, list);
        for (const [at, byte] of changes) whole[at % whole.length] = byte;
        const section = whole.subarray(0, whole.length - (cut % 16));
        try {
          for (const { data } of readSection(section))
            assert.ok(data.byteOffset + data.byteLength <= section.byteOffset + section.byteLength);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('what the format cannot hold is refused when it is measured', () => {
  const write = (shape: number[], name = 'x') =>
    sectionBytes([{ name, datatype: 'BOOL', shape, data: new Uint8Array(0) }]);
  assert.throws(() => write(Array.from({ length: 256 }, () => 1)), RangeError);
  assert.throws(() => write([2 ** 32]), RangeError);
  assert.throws(() => write([-1]), RangeError);
  assert.throws(() => write([], 'x'.repeat(70_000)), RangeError);
});

test('lengths beyond 31 bits are counted right', () => {
  assert.equal(align8(2_200_000_001), 2_200_000_008);
  assert.equal(align8(2 ** 32 + 8), 2 ** 32 + 8);
});
