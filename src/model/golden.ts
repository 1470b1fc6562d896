import { describeJson, isObject, type JsonValue, pointer } from './json.ts';

export interface Tolerance {
  readonly abs?: number;
  readonly rel?: number;
}

export interface Difference {
  /** JSON pointer into the predictions. */
  readonly path: string;
  readonly expected: JsonValue | undefined;
  readonly actual: JsonValue | undefined;
  readonly message: string;
}

/** float32 models against a library that computes in double. */
const DEFAULT_ABS = 1e-4;
const DEFAULT_REL = 1e-3;

/**
 * The first place where predictions differ from what was expected, or undefined. Objects are compared by what the
 * expectation names. Numbers: |actual - expected| <= abs + rel * |expected|; null and "NaN" stand for NaN.
 */
export function comparePredictions(
  expected: readonly JsonValue[],
  actual: readonly JsonValue[],
  tolerance: Tolerance = {},
): Difference | undefined {
  return compare([...expected], [...actual], '', tolerance);
}

function compare(
  expected: JsonValue,
  actual: JsonValue | undefined,
  path: string,
  tolerance: Tolerance,
): Difference | undefined {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return differ(path, expected, actual);
    return firstOf(expected.entries(), (index, value) =>
      compare(value, actual[index], path + pointer(index), tolerance),
    );
  }
  if (isObject(expected)) {
    if (!isObject(actual)) return differ(path, expected, actual);
    return firstOf(Object.entries(expected), (name, value) =>
      compare(value, Object.hasOwn(actual, name) ? actual[name] : undefined, path + pointer(name), tolerance),
    );
  }
  return sameScalar(expected, actual, tolerance) ? undefined : differ(path, expected, actual);
}

function firstOf<Key>(
  entries: Iterable<readonly [Key, JsonValue]>,
  visit: (key: Key, value: JsonValue) => Difference | undefined,
): Difference | undefined {
  for (const [key, value] of entries) {
    const difference = visit(key, value);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function sameScalar(expected: JsonValue, actual: JsonValue | undefined, { abs, rel }: Tolerance): boolean {
  if (expected === actual) return true;
  if (typeof expected === 'bigint' || typeof actual === 'bigint') return false;
  const wanted = asNumber(expected);
  const got = asNumber(actual);
  if (wanted === undefined || got === undefined) return false;
  if (Number.isNaN(wanted) || Number.isNaN(got)) return Number.isNaN(wanted) && Number.isNaN(got);
  if (!Number.isFinite(wanted) || !Number.isFinite(got)) return wanted === got;
  return Math.abs(got - wanted) <= (abs ?? DEFAULT_ABS) + (rel ?? DEFAULT_REL) * Math.abs(wanted);
}

function asNumber(value: JsonValue | undefined): number | undefined {
  if (typeof value === 'number') return value;
  if (value === null || value === 'NaN') return Number.NaN;
  return value === 'Infinity' || value === '-Infinity' ? Number(value) : undefined;
}

function differ(path: string, expected: JsonValue, actual: JsonValue | undefined): Difference {
  return {
    path,
    expected,
    actual,
    message: `${path}: expected ${describeJson(expected)}, got ${describeJson(actual)}`,
  };
}
