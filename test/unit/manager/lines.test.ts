import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { type NumberedLine, ndjsonLines } from '../../../src/manager/ndjson-lines.ts';

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] as number;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function linesOf(
  text: string,
  sizes: readonly number[],
  maxLineBytes: number,
): Promise<NumberedLine[]> {
  const lines: NumberedLine[] = [];
  for await (const line of ndjsonLines(chunksOf(Buffer.from(text), sizes), maxLineBytes)) lines.push(line);
  return lines;
}

it('cuts lines wherever the chunks end; blank ones count; long ones are told', async () => {
  const line = fc.oneof(
    fc.constantFrom('', ' ', '\r', '\t '),
    fc.string({ unit: 'grapheme', maxLength: 30 }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(line.filter((text) => !text.includes('\n'))),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      fc.boolean(),
      async (texts, sizes, endsInNewline) => {
        const maxLineBytes = 20;
        const expected = texts.flatMap((text, index): NumberedLine[] => {
          const bytes = Buffer.from(text);
          if (bytes.length > maxLineBytes) return [{ line: index + 1, bytes: undefined }];
          return /^[ \r\t]*$/.test(text) ? [] : [{ line: index + 1, bytes }];
        });
        const lines = await linesOf(texts.join('\n') + (endsInNewline ? '\n' : ''), sizes, maxLineBytes);
        assert.deepEqual(lines, expected);
      },
    ),
  );
});
