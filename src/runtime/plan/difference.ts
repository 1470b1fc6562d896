import { layElements } from '../../model/elements.ts';
import type { NamedTensor, Signature } from '../../model/signature.ts';
import { decodeStrings } from '../string-elements.ts';

/** What a plan's numbers may be off by, of the larger of the two. */
const RELATIVE = 1e-5;

type Element = number | bigint | string;

export interface Nearness {
  readonly relative?: number;
  /** Names of the outputs that hold the scores of classes: of one computation, so that the sum of a row's sizes is the measure. */
  readonly scores?: ReadonlySet<string>;
}

export function scoresOf({ outputs }: Signature): ReadonlySet<string> {
  const scores = outputs.filter(
    ({ classLabels, datatype }) => classLabels !== undefined && datatype.startsWith('FP'),
  );
  return new Set(scores.map(({ name }) => name));
}

/**
 * The first place where answers differ, with both values, or undefined. Shapes, datatypes, texts and integers are equal;
 * floats within `relative` of the larger, or of the column's usual size (its median) where terms cancel, or of the
 * sum of their row's scores; NaN is NaN.
 */
export function findDifference(
  actual: readonly NamedTensor[],
  expected: readonly NamedTensor[],
  { relative = RELATIVE, scores }: Nearness = {},
): string | undefined {
  if (actual.length !== expected.length)
    return `the outputs: got ${actual.length}, expected ${expected.length}`;
  for (const [index, tensor] of actual.entries()) {
    const areScores = scores?.has(tensor.name) === true;
    const difference = tensorDifference(tensor, expected[index] as NamedTensor, relative, areScores);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function tensorDifference(
  actual: NamedTensor,
  expected: NamedTensor,
  relative: number,
  areScores: boolean,
): string | undefined {
  const [head, wantedHead] = [headOf(actual), headOf(expected)];
  if (head !== wantedHead) return `an output: got ${head}, expected ${wantedHead}`;
  const got = elementsOf(actual);
  const wanted = elementsOf(expected);
  const rows = actual.shape[0] ?? 1;
  const columns = rows === 0 ? 0 : got.length / rows;
  const isFloat = actual.datatype.startsWith('FP');
  const usual = new Map<number, number>();
  for (const [at, a] of got.entries()) {
    const b = wanted[at] as Element;
    if (Object.is(a, b) || a === b) continue;
    const column = at % columns;
    if (isFloat && typeof a === 'number' && typeof b === 'number') {
      // Mostly the larger of the two decides.
      const size = Math.max(Math.abs(a), Math.abs(b));
      const apart = Math.abs(a - b);
      if (apart <= relative * size && Number.isFinite(apart)) continue;
      if (!usual.has(column)) usual.set(column, usualSize(wanted, column, columns));
      if (apart <= relative * (usual.get(column) as number)) continue;
      if (areScores && apart <= relative * rowSize(wanted, at - column, columns)) continue;
    }
    return `${actual.name}[${Math.floor(at / columns)}][${column}]: got ${textOf(a)}, expected ${textOf(b)}`;
  }
  return undefined;
}

function headOf({ name, datatype, shape }: NamedTensor): string {
  return `${name} ${datatype} [${shape.join()}]`;
}

function rowSize(values: readonly Element[], from: number, columns: number): number {
  const sizes = values.slice(from, from + columns).map((value) => Math.abs(Number(value)));
  return sizes.reduce((sum, size) => (Number.isFinite(size) ? sum + size : sum), 0);
}

function usualSize(values: readonly Element[], column: number, columns: number): number {
  const sizes: number[] = [];
  for (let at = column; at < values.length; at += columns) {
    const value = values[at];
    if (typeof value === 'number' && Number.isFinite(value)) sizes.push(Math.abs(value));
  }
  return sizes.toSorted((a, b) => a - b)[sizes.length >> 1] ?? 0;
}

function elementsOf(tensor: NamedTensor): readonly Element[] {
  const count = tensor.shape.reduce((product, dimension) => product * dimension, 1);
  if (tensor.datatype === 'BYTES') return decodeStrings(tensor.name, tensor.data, count);
  return Array.from(layElements(tensor) as Iterable<number | bigint>);
}

function textOf(value: Element): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value);
}
