import { createHash } from 'node:crypto';
import { stringify } from 'yaml';

export type Value = string | number | bigint | boolean | null | Value[] | { [key: string]: Value };

/** What Go and Helm call empty. */
export function isEmpty(value: Value): boolean {
  if (value === null || value === '' || value === false) return true;
  if (typeof value === 'object') return Object.keys(value).length === 0;
  return value === 0 || value === 0n;
}

/** As Go prints it; large numbers from values it would print as 1e+06, which no chart can want. */
export function print(value: Value): string {
  if (value === null || typeof value === 'object') throw new Error(`${JSON.stringify(value)} has no text`);
  if (typeof value === 'number' && Math.abs(value) >= 1e6) throw new Error(`${value} needs | int`);
  return String(value);
}

export function mapOf(value: Value): { [key: string]: Value } {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value;
  throw new Error(`expected a map, not ${JSON.stringify(value)}`);
}

/** The functions of Go's templates, Sprig and Helm that the chart uses, by the same order of arguments. */
export const FUNCTIONS: Readonly<Record<string, (...args: Value[]) => Value>> = {
  and: (...args) => args.find(isEmpty) ?? last(args),
  or: (...args) => args.find((value) => !isEmpty(value)) ?? last(args),
  not: (value = null) => isEmpty(value),
  eq: (a = null, b = null) => a === b,
  ne: (a = null, b = null) => a !== b,
  gt: (a = null, b = null) => Number(a) > Number(b),
  int: (value = null) => BigInt(Math.trunc(Number(value))),
  default: (otherwise = null, value = null) => (isEmpty(value) ? otherwise : value),
  required: (message = null, value = null) => {
    if (value === null || value === '') throw new Error(print(message));
    return value;
  },
  quote: (value = null) => JSON.stringify(print(value)),
  printf: (format = null, ...args) => print(format).replaceAll(/%[svd]/g, () => print(args.shift() ?? null)),
  trunc: (length = null, text = null) => print(text).slice(0, Number(length)),
  trimSuffix: (suffix = null, text = null) => {
    const [end, whole] = [print(suffix), print(text)];
    return whole.endsWith(end) ? whole.slice(0, -end.length) : whole;
  },
  contains: (part = null, text = null) => print(text).includes(print(part)),
  nindent: (spaces = null, text = null) =>
    `\n${print(text)}`.replaceAll('\n', `\n${' '.repeat(Number(spaces))}`),
  toYaml: (value = null) =>
    stringify(value, { lineWidth: 0, sortMapEntries: true, indentSeq: false, version: '1.1' }).trimEnd(),
  sha256sum: (text = null) => createHash('sha256').update(print(text)).digest('hex'),
  list: (...args) => args,
  dict: (...args) => {
    const pairs = args.flatMap((key, i) => (i % 2 === 0 ? [[print(key), args[i + 1] ?? null] as const] : []));
    return Object.fromEntries(pairs);
  },
  get: (map = null, key = null) => mapOf(map)[print(key)] ?? '',
};

function last(args: readonly Value[]): Value {
  return args.at(-1) ?? null;
}
