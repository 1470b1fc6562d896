import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JsonValue, parseJson } from '../../src/model/json.ts';
import type { NamedTensor } from '../../src/model/signature.ts';
import { decodeBytes } from '../../src/model/tensor-json.ts';
import { layElements } from '../../src/model/elements.ts';
import { columnTensor, type JsonColumn } from './tensors.ts';

/** A real model with the answers of the library that it came from. */
export interface ModelCase {
  readonly name: string;
  readonly task: string;
  readonly rows: number;
  readonly inputs: readonly { name: string; type: string; shape: readonly (number | string | null)[] }[];
  readonly outputs: readonly { name: string; type: string; shape: readonly (number | string | null)[] }[];
  /** Input name -> values, nested in the input's shape; the first dimension is the row. */
  readonly feeds: Readonly<Record<string, JsonValue[]>>;
  /** Output name -> the library's answer; a ZipMap output is a list of one object a row. */
  readonly expected: Readonly<Record<string, JsonValue[]>>;
  readonly tolerance: { readonly abs: number; readonly rel: number };
  /** The model takes exactly so many rows at a time. */
  readonly batch?: number;
}

const root = join(import.meta.dirname, '../fixtures/models');

export const MODEL_NAMES: readonly string[] = readdirSync(root).sort();

export function loadArtifact(name: string): Buffer {
  return readFileSync(join(root, name, 'model.onnx'));
}

export function artifactPath(name: string): string {
  return join(root, name, 'model.onnx');
}

export function loadCase(name: string): ModelCase {
  return parseJson(readFileSync(join(root, name, 'case.json')), { depth: 32 }) as unknown as ModelCase;
}

/** The case's feeds as tensors, in the declared types. */
export function feedsOf(modelCase: ModelCase): NamedTensor[] {
  return modelCase.inputs.map(({ name, type }) =>
    columnTensor(name, type, modelCase.feeds[name] as JsonColumn),
  );
}

/** Row `row` of a case as an object instance, one value an input. */
export function instanceOf(modelCase: ModelCase, row: number): { [key: string]: JsonValue } {
  return Object.fromEntries(
    Object.entries(modelCase.feeds).map(([name, values]) => [name, values[row] as JsonValue]),
  );
}

/** Row `row` as an array instance: the one matrix row itself, else one value an input. */
export function arrayInstanceOf(modelCase: ModelCase, row: number): JsonValue[] {
  const values = Object.values(modelCase.feeds).map((list) => list[row] as JsonValue);
  const [only] = values;
  return values.length === 1 && Array.isArray(only) ? only : values;
}

/**
 * How a value differs from what was expected, by the rules of the cases: numbers |got - expected| <= abs +
 * rel * |expected|, null equals NaN, all else equal, shapes equal. undefined when it doesn't.
 */
export function compareRow(
  expected: JsonValue,
  got: JsonValue | undefined,
  tolerance: ModelCase['tolerance'],
  path = '',
): string | undefined {
  if (Array.isArray(expected)) {
    if (!Array.isArray(got) || got.length !== expected.length) return `${path}: other shape`;
    return first(
      expected.map((value, index) => compareRow(value, got[index], tolerance, `${path}/${index}`)),
    );
  }
  if (expected !== null && typeof expected === 'object') {
    if (got === null || typeof got !== 'object' || Array.isArray(got)) return `${path}: not an object`;
    const names = Object.keys(expected);
    if (names.length !== Object.keys(got).length) return `${path}: other names`;
    return first(
      names.map((name) => compareRow(expected[name] ?? null, got[name], tolerance, `${path}/${name}`)),
    );
  }
  const wanted = expected === null || expected === 'NaN' ? Number.NaN : expected;
  const given = got === null || got === 'NaN' ? Number.NaN : got;
  if (Object.is(wanted, given) || wanted === given) return undefined;
  const isClose =
    typeof wanted === 'number' &&
    typeof given === 'number' &&
    Math.abs(given - wanted) <= tolerance.abs + tolerance.rel * Math.abs(wanted);
  return isClose
    ? undefined
    : `${path}: expected ${String(wanted)}, got ${JSON.stringify(given) ?? 'nothing'}`;
}

/** A tensor against nested lists; a list of objects (ZipMap) is compared by its values in key order given. */
export function compareTensor(
  expected: readonly JsonValue[],
  tensor: NamedTensor,
  tolerance: ModelCase['tolerance'],
  classLabels?: readonly (string | number)[],
): string | undefined {
  const rows = expected.map((row) => {
    if (row === null || typeof row !== 'object' || Array.isArray(row)) return row;
    return (classLabels ?? Object.keys(row)).map((label) => row[String(label)] ?? null);
  });
  return compareRow(rows, nestTensor(tensor), tolerance, tensor.name);
}

/** A tensor's elements as nested lists; int64 as numbers where they are exact. */
export function nestTensor(tensor: NamedTensor): JsonValue {
  const flat: JsonValue[] =
    tensor.datatype === 'BYTES'
      ? decodeBytes(tensor, tensor.name)
      : Array.from(layElements(tensor) as Iterable<number | bigint>, plainNumber);
  const nest = (axis: number, start: number): JsonValue => {
    if (axis === tensor.shape.length) return flat[start] ?? null;
    const step = tensor.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
    return Array.from({ length: tensor.shape[axis] ?? 0 }, (_, index) =>
      nest(axis + 1, start + index * step),
    );
  };
  return nest(0, 0);
}

function plainNumber(value: number | bigint): number | bigint {
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function first(differences: readonly (string | undefined)[]): string | undefined {
  return differences.find((difference) => difference !== undefined);
}
