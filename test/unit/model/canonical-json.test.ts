import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { canonicalJson, parseCanonicalJson } from '../../../src/model/canonical-json.ts';

const beyond = fc
  .bigInt({ min: -(2n ** 70n), max: 2n ** 70n })
  .filter((value) => value > 2n ** 53n || value < -(2n ** 53n));
const exact = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    beyond,
    fc.array(tie('value')),
    fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), tie('value'), { noNullPrototype: true }),
  ),
})).value;

it('reads back exactly what it wrote', () => {
  fc.assert(
    fc.property(exact, (value) => {
      assert.deepStrictEqual(parseCanonicalJson(canonicalJson(value)), value);
    }),
  );
});

it('is one text whatever the order of keys', () => {
  assert.equal(canonicalJson({ b: 1, a: [2n ** 64n, 1e300] }), '{"a":[18446744073709551616,1e+300],"b":1}');
  assert.equal(
    canonicalJson({ a: [2n ** 64n, 1e300], b: 1, c: undefined }),
    canonicalJson({ b: 1, a: [2n ** 64n, 1e300] }),
  );
});

it('writes what JSON has no number for as the strings that requests use', () => {
  assert.equal(canonicalJson([NaN, Infinity, -Infinity]), '["NaN","Infinity","-Infinity"]');
  assert.throws(() => canonicalJson(() => 1), TypeError);
});
