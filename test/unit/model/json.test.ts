import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { describeJson, jsonNumber, parseJson, pointer } from '../../../src/model/json.ts';

const parse = (text: string, depth = 32): unknown => parseJson(Buffer.from(text), { depth });

function refuses(text: string | Uint8Array, message: RegExp, depth = 32): void {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  assert.throws(() => parseJson(bytes, { depth }), { code: 'INVALID_JSON', message });
}

describe('parseJson', () => {
  test('reads what JSON.parse reads, as it does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        const doubles = (_: string, item: unknown): unknown =>
          typeof item === 'bigint' ? Number(item) : item;
        assert.equal(JSON.stringify(parse(text), doubles), JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  test('keeps integers exact beyond 2^53, in any place', () => {
    assert.deepEqual(parse('[9007199254740993, -9223372036854775808, 18446744073709551615]'), [
      9007199254740993n,
      -9223372036854775808n,
      18446744073709551615n,
    ]);
    assert.deepEqual(parse('{"a":{"b":12345678901234567890}}'), { a: { b: 12345678901234567890n } });
    assert.deepEqual(
      parse('[9007199254740991, 1234567890123456, 0.1234567890123456, 1e20]'),
      [9007199254740991, 1234567890123456, 0.1234567890123456, 1e20],
    );
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (value) => {
        assert.equal(BigInt(parse(`${value}`) as number), value);
      }),
    );
  });

  test('a very long integer is a double, out of every range', () => {
    assert.equal(parse('9'.repeat(5_000)), Infinity);
  });

  test('reads the bare words that Python writes, and only outside of strings', () => {
    assert.deepEqual(parse('[NaN, Infinity, -Infinity]'), [Number.NaN, Infinity, -Infinity]);
    assert.deepEqual(parse('{"NaN":NaN,"a":"NaN, Infinity \\" NaN"}'), {
      NaN: Number.NaN,
      a: 'NaN, Infinity " NaN',
    });
    assert.deepEqual(parse('[0e-1, NaN, 0e-10]'), [0, Number.NaN, 0]);
    assert.deepEqual(parse('[0e-1, 0e-2, 0e-3, NaN, "0e-4", 0e-30]'), [0, 0, 0, Number.NaN, '0e-4', 0]);
    assert.ok(Number.isNaN(parse('NaN')));
    refuses('[-NaN]', /position 1/);
    refuses('[NaNa]', /position/);
    refuses('[aNaN]', /position 1/);
    refuses('[--Infinity]', /position 1/);
    refuses('[Infinity1]', /position/);
  });

  test('a hostile text costs no more than its length', () => {
    const module = JSON.stringify(new URL('../../../src/model/json.ts', import.meta.url).href);
    const code = `
      import { parseJson } from ${module};
      const zeros = '0'.repeat(1_000_000);
      const many = Array.from({ length: 100_000 }, (_, exponent) => ',0e-' + (exponent + 1)).join('');
      const half = '0'.repeat(500_000);
      for (const text of ['[NaN,0e-1' + zeros + ']', '[NaN' + many + ']', '[' + 'NaN,'.repeat(125_000) + '0e-1' + half + ']'])
        parseJson(Buffer.from(text), { depth: 2 });`;
    // Each takes well under a second; what is quadratic takes minutes or all memory.
    execFileSync(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000, stdio: 'pipe' });
  });

  test('a name like __proto__ is a name', () => {
    const value = parse('{"__proto__": {"a": 1}, "n": 12345678901234567890}') as object;
    assert.deepEqual(Object.keys(value), ['__proto__', 'n']);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
  });

  test('refuses what nests deeper than the limit, and names it', () => {
    assert.doesNotThrow(() => parse('[[[1]]]', 3));
    refuses('[[[[1]]]]', /deeper than 3 levels \(limit jsonDepth\)/, 3);
    refuses('['.repeat(1_000_000), /deeper than 32/);
    refuses('{"a":'.repeat(1_000_000), /deeper than 32/);
    assert.equal(parse('"[[[[{{{{"', 1), '[[[[{{{{');
  });

  test('says where a text stops being JSON', () => {
    refuses('', /position 0: the text ends, expected a value/);
    refuses('{"a":}', /position 5: expected a value/);
    refuses('{"a" 1}', /position 5: expected ":"/);
    refuses('[1 2]', /position 3: expected "," or "]"/);
    refuses('[1,]', /position 3: expected a value/);
    refuses('{"a":1,}', /position 7: expected a name in double quotes/);
    refuses("{'a':1}", /position 1: expected a name/);
    refuses('{"a":1} x', /position 8: expected the end/);
    refuses('["a', /position 3: the string is not closed/);
    refuses('["\\x"]', /position 2: the string/);
    refuses('["\n"]', /position 2/);
    refuses('[01]', /position 2/);
    refuses('{"a":[1,2', /position 9: the text ends/);
  });

  test('finds the end of a string of any length, whatever is escaped in it', () => {
    const piece = fc.oneof(
      fc.constantFrom('\\\\', '\\"', '[', '{', 'N', '12345678901234567'),
      fc.nat(70).map((length) => 'a'.repeat(length)),
      fc.nat(70).map((length) => '\\\\'.repeat(length)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = `["${pieces.join('')}",[1]]`;
        assert.deepEqual(parse(text, 2), JSON.parse(text));
        refuses(text, /deeper than 1/, 1);
        refuses(`["${pieces.join('')}\\"`, /not closed/, 1);
      }),
      { numRuns: 1_000 },
    );
  });

  test('refuses bytes that are not UTF-8', () => {
    refuses(Buffer.from([0x22, 0xff, 0x22]), /UTF-8/);
    refuses(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), /UTF-8/);
  });

  test('whatever the bytes, it answers or says INVALID_JSON', () => {
    const near = fc.array(
      fc.constantFrom(
        '[',
        ']',
        '{',
        '}',
        ',',
        ':',
        '"',
        '\\',
        'NaN',
        '-',
        'Infinity',
        '1',
        '12345678901234567',
        'true',
        ' ',
        'a',
        'é',
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(near, (parts) => {
        try {
          parse(parts.join(''), 8);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'INVALID_JSON', String(error));
          assert.doesNotMatch((error as Error).message, /nothing wrong found/);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

test('numbers that JSON lacks are strings', () => {
  assert.deepEqual([0.1, -3, Number.NaN, Infinity, -Infinity].map(jsonNumber), [
    '0.1',
    '-3',
    '"NaN"',
    '"Infinity"',
    '"-Infinity"',
  ]);
});

test('a pointer escapes what its syntax uses', () => {
  assert.equal(pointer('a/b~c'), '/a~1b~0c');
});

test('a value in words is short', () => {
  assert.equal(describeJson(undefined), 'nothing');
  assert.equal(describeJson([1, 2]), 'a list of 2');
  assert.ok(describeJson('x'.repeat(10_000)).length < 100);
  assert.ok(describeJson(10n ** 500n).length < 100);
});
