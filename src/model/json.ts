import { ShoalError } from '../core/errors.ts';
import { jsonErrorAt } from './json-error.ts';

/** A parsed JSON value. Integers beyond 2^53 arrive as bigint, bare NaN and infinities as numbers. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | JsonValue[]
  | { [key: string]: JsonValue };

export type JsonObject = { [key: string]: JsonValue };

const decoder = new TextDecoder('utf-8', { fatal: true });
/** From this many digits on a number may not be exact as a double; shorter ones always are. */
const EXACT_DIGITS = 16;
/** No datatype has more; a longer integer is out of every range and stays a double. */
const MAX_INTEGER_DIGITS = 40;

/**
 * JSON text as a value, exact where JSON.parse isn't: long integers become bigint, and the bare NaN, Infinity and
 * -Infinity that Python writes are numbers. Throws INVALID_JSON.
 */
export function parseJson(bytes: Uint8Array, options: { readonly depth: number }): JsonValue {
  const traits = scan(bytes, options.depth);
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (cause) {
    throw new ShoalError('INVALID_JSON', 'the body is not valid UTF-8', { cause });
  }
  try {
    if (!traits.longInteger && !traits.bareWord) return JSON.parse(text) as JsonValue;
    return parseExactly(text, traits.bareWord);
  } catch (cause) {
    const { position, expected } = jsonErrorAt(text);
    throw new ShoalError('INVALID_JSON', `the body is not valid JSON at position ${position}: ${expected}`, {
      cause,
    });
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number as JSON text; what JSON lacks is a string: "NaN", "Infinity", "-Infinity". */
export function jsonNumber(value: number): string {
  return Number.isFinite(value) ? `${value}` : `"${value}"`;
}

/** What a value is, in words for a message. */
export function describeJson(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string')
    return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value)}`;
  if (typeof value === 'bigint') {
    const digits = String(value);
    return digits.length > 40 ? `${digits.slice(0, 40)}...` : digits;
  }
  return `${value as number | boolean}`;
}

/** One step of a JSON pointer (RFC 6901), slash included. */
export function pointer(step: string | number): string {
  return typeof step === 'number' ? `/${step}` : `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

interface Traits {
  longInteger: boolean;
  bareWord: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const POINT = 0x2e;

/** One pass over the bytes: refuses too deep nesting, and says whether JSON.parse alone would do. */
function scan(bytes: Uint8Array, maxDepth: number): Traits {
  const traits: Traits = { longInteger: false, bareWord: false };
  const end = bytes.length;
  let depth = 0;
  let at = 0;
  while (at < end) {
    const byte = bytes[at] as number;
    if (isDigit(byte)) {
      const start = at;
      do at++;
      while (isDigit(bytes[at] ?? 0));
      if (at - start >= EXACT_DIGITS && isInteger(bytes, start, at)) traits.longInteger = true;
      continue;
    }
    if (byte === QUOTE) {
      at = closingQuote(bytes, at + 1);
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > maxDepth) {
        throw new ShoalError(
          'INVALID_JSON',
          `the body nests deeper than ${maxDepth} levels (limit jsonDepth) at byte ${at}`,
        );
      }
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--;
    } else if (byte === 0x4e || byte === 0x49) {
      traits.bareWord = true;
    }
    at++;
  }
  return traits;
}

/** Most strings are short: only beyond this is a call to search for the quote quicker than looking at each byte. */
const SHORT_STRING_BYTES = 32;

/** Where the string ends whose text begins at `start`; the end of the bytes when nothing closes it. */
function closingQuote(bytes: Uint8Array, start: number): number {
  const end = bytes.length;
  let at = start;
  for (;;) {
    for (const stop = Math.min(end, at + SHORT_STRING_BYTES); at < stop; ) {
      if (bytes[at] === QUOTE) return at;
      at += bytes[at] === BACKSLASH ? 2 : 1;
    }
    if (at >= end) return end;
    const quote = bytes.indexOf(QUOTE, at);
    if (quote < 0) return end;
    // Backslashes from `at` on escape each other in pairs; one that is left escapes the quote.
    let backslashes = 0;
    while (quote - backslashes > at && bytes[quote - backslashes - 1] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote;
    at = quote + 1;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Whether these digits are a number by themselves: not a fraction, and followed by none and by no exponent. */
function isInteger(bytes: Uint8Array, start: number, end: number): boolean {
  const next = bytes[end];
  return bytes[start - 1] !== POINT && next !== POINT && next !== 0x65 && next !== 0x45;
}

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;

function parseExactly(text: string, bareWords: boolean): JsonValue {
  // A number that the text doesn't hold stands for NaN; infinities are what overflows.
  const nan = bareWords ? unusedZero(text) : '';
  const json = bareWords ? replaceBareWords(text, nan) : text;
  const revive: Reviver = (_key, value, context) => {
    if (typeof value !== 'number') return value;
    const source = context.source ?? '';
    if (bareWords && source === nan) return Number.NaN;
    const exact = Number.isSafeInteger(value) || source.length > MAX_INTEGER_DIGITS;
    return exact || !/^-?\d+$/.test(source) ? value : BigInt(source);
  };
  return JSON.parse(json, revive as (this: unknown, key: string, value: unknown) => unknown) as JsonValue;
}

/** The first of 0e-1, 0e-2, ... that the text lacks: found in one pass, and short whatever the text holds. */
function unusedZero(text: string): string {
  const used = new Set<string>();
  for (const [zero] of text.matchAll(/0e-\d{1,9}/g)) used.add(zero);
  for (let exponent = 1; ; exponent++) {
    if (!used.has(`0e-${exponent}`)) return `0e-${exponent}`;
  }
}

function replaceBareWords(text: string, nan: string): string {
  let json = '';
  let copied = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') {
      at++;
      while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
      continue;
    }
    if (char !== 'N' && char !== 'I') continue;
    const word = char === 'N' ? 'NaN' : 'Infinity';
    if (
      !text.startsWith(word, at) ||
      !isTokenEdge(text, at - 1, char === 'I') ||
      !isTokenEdge(text, at + word.length, false)
    )
      continue;
    json += text.slice(copied, at) + (char === 'N' ? nan : '1e999');
    at += word.length - 1;
    copied = at + 1;
  }
  return json + text.slice(copied);
}

/** Whether a bare word may begin after, or end before, this character; a sign before Infinity only. */
function isTokenEdge(text: string, at: number, signAllowed: boolean): boolean {
  const char = text[at];
  if (char === undefined || ' \t\r\n[]{},:'.includes(char)) return true;
  return signAllowed && char === '-' && isTokenEdge(text, at - 1, false);
}
