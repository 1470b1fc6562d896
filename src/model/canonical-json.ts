import { type JsonValue, parseJson } from './json.ts';

const encoder = new TextEncoder();

/**
 * One text for equal values: keys sorted by code unit, no spaces, every number exactly. Two values are equal
 * when their texts are. A bigint is written as the integer it is, a whole double beyond 2^53 with an exponent,
 * so that each reads back as what it was. NaN and the infinities become the strings that stand for them in
 * requests and answers, since JSON has none. Undefined members are left out.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
      return value.toString();
    case 'number':
      return numberText(value);
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
      return objectText(value as Record<string, unknown>);
    default:
      throw new TypeError(`a ${typeof value} has no JSON`);
  }
}

/** Reads what canonicalJson wrote: integers beyond 2^53 come back as bigint. */
export function parseCanonicalJson(text: string): JsonValue {
  return parseJson(encoder.encode(text), { depth: Number.POSITIVE_INFINITY });
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) return JSON.stringify(String(value));
  if (Object.is(value, -0)) return '-0';
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value);
}

function objectText(value: Record<string, unknown>): string {
  const members: string[] = [];
  for (const key of Object.keys(value).sort()) {
    if (value[key] !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(value[key])}`);
  }
  return `{${members.join(',')}}`;
}
