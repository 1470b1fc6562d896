import { NotCompiled } from './not-compiled.ts';

/** As inputs are decoded: a byte order mark is a character like another. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A text of the file. `where` it is goes into the message. */
export function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new NotCompiled(`holds a text that is not UTF-8 (${where})`);
  }
}
