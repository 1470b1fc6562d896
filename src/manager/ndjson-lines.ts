/** A line of a stream, numbered from 1. `bytes` is undefined for one that is longer than allowed. */
export interface NumberedLine {
  readonly line: number;
  readonly bytes: Buffer | undefined;
}

const NEWLINE = 0x0a;

/** Cuts a stream into lines; blank ones count but aren't given. At most one line and a chunk are held. */
export async function* ndjsonLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<NumberedLine> {
  let line = 1;
  let parts: Buffer[] = [];
  let length = 0;
  function* end(): Generator<NumberedLine> {
    const tooLong = length > maxLineBytes;
    const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    if (tooLong) yield { line, bytes: undefined };
    else if (!isBlank(bytes)) yield { line, bytes };
    line++;
    parts = [];
    length = 0;
  }
  for await (const chunk of chunks) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    for (let at = buffer.indexOf(NEWLINE); ; at = buffer.indexOf(NEWLINE, from)) {
      const part = buffer.subarray(from, at === -1 ? buffer.length : at);
      length += part.length;
      // The rest of a line that is too long already is only counted.
      if (length > maxLineBytes) parts = [];
      else if (part.length > 0) parts.push(part);
      if (at === -1) break;
      yield* end();
      from = at + 1;
    }
  }
  if (length > 0) yield* end();
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}
