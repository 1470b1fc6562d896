import * as fc from 'fast-check';
import { DATATYPES, type NamedTensor } from '../../src/model/signature.ts';

/** Tensors as the wire must carry them; it doesn't ask whether data and shape agree. */
export const tensors: fc.Arbitrary<NamedTensor[]> = fc.array(
  fc.record(
    {
      name: fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.toWellFormed()),
      datatype: fc.constantFrom(...DATATYPES),
      shape: fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { maxLength: 5 }),
      data: fc.uint8Array({ maxLength: 40 }),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 4 },
);
