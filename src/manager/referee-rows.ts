import { elementBytes, type Elements, newElements } from '../model/elements.ts';
import type { Probe } from '../model/plan/builder.ts';
import type { PlanPort } from '../model/plan/structure.ts';
import { sizeOf } from '../model/plan/values.ts';
import type { Datatype, NamedTensor } from '../model/signature.ts';
import { mulberry32 } from './generated-inputs.ts';

/** Rows that are compared together: of one kind, so that the usual size of their answers means something. */
const BATCH_ROWS = 32;
const LEAST_ROWS = 256;
/** Of a column's places where an answer may change; a thousand-leaf forest has more than rows are tried. */
const MAX_PLACES = 4_096;

type Value = number | string;

interface Column {
  readonly input: number;
  readonly datatype: Datatype;
  /** At, just below and just above where an answer may change. */
  readonly places: readonly Value[];
}

/** What one element of every row of a batch is set to, the others being typical. */
const STRANGE: readonly (readonly number[])[] = [
  [Number.NaN],
  [Infinity, -Infinity],
  [0, -0],
  [1e-30, -1e-30],
  [1e6, -1e6],
  [1e30, -1e30],
];
const TYPICAL_INTEGERS = [0, 1, 2, 3, 5, 10, 40, -1, 100, -7, 2_000, 1_000_000];
const STRANGE_INTEGERS = [0, -1, 2 ** 31 - 1, -(2 ** 31), 65_536, 1_000_003];
const TEXTS = ['', 'a', 'b', 'no such category', 'Zürich ✓', ' a', '0', '1'];

/** Batches of made-up rows, the same on every machine: as many as there are places to try, at most `mostRows`. */
export function* refereeBatches(
  inputs: readonly PlanPort[],
  probes: readonly Probe[],
  mostRows: number,
): Generator<NamedTensor[]> {
  const random = mulberry32(7);
  const columns = columnsOf(inputs, probes);
  const width = columns.length;
  const places = columns.reduce((most, column) => Math.max(most, column.places.length), 0);
  const rows = Math.max(LEAST_ROWS, Math.min(mostRows, (STRANGE.length + 1) * BATCH_ROWS + places));
  const batch = (value: (row: number, column: number) => Value): NamedTensor[] =>
    tensorsOf(inputs, columns, value);
  let made = 0;
  // Everywhere the same: what nobody fills in, and what nobody should send.
  const uniform = STRANGE.slice(0, 4).flat();
  yield batch((row, at) => strange(columns[at] as Column, uniform[row % uniform.length] as number, row));
  made += BATCH_ROWS;
  for (const kind of STRANGE) {
    const first = Math.floor(random() * width);
    yield batch((row, at) => {
      const column = columns[at] as Column;
      const isStrange = at === (first + row) % width;
      return isStrange ? strange(column, kind[row % kind.length] as number, row) : typical(column, random);
    });
    made += BATCH_ROWS;
  }
  for (; made < rows; made += BATCH_ROWS) {
    const begun = made;
    yield batch((row, at) => {
      const column = columns[at] as Column;
      const { places } = column;
      if (places.length === 0 || random() < 0.1) return typical(column, random);
      // Every place has its turn where there are rows enough, beside other places each time.
      const turn = places.length <= rows ? begun + row + at * 7 : Math.floor(random() * places.length);
      return places[turn % places.length] as Value;
    });
  }
}

function columnsOf(inputs: readonly PlanPort[], probes: readonly Probe[]): Column[] {
  const places = inputs.map(({ dims }) => Array.from({ length: sizeOf(dims) }, () => new Set<Value>()));
  for (const { input, column, values } of probes) {
    const found = places[input]?.[column];
    const datatype = inputs[input]?.datatype;
    if (found === undefined || datatype === undefined) continue;
    for (const value of values) {
      if (found.size >= MAX_PLACES) break;
      for (const near of placesAround(value, datatype)) found.add(near);
    }
  }
  return inputs.flatMap(({ datatype }, input) =>
    (places[input] as Set<Value>[]).map((found): Column => ({ input, datatype, places: [...found] })),
  );
}

function placesAround(value: Value, datatype: Datatype): Value[] {
  if (typeof value === 'string') return datatype === 'BYTES' ? [value, `${value}x`] : [];
  if (datatype === 'BYTES' || !Number.isFinite(value)) return [];
  if (datatype === 'BOOL') return [0, 1];
  if (!datatype.startsWith('FP')) {
    const whole = Math.round(value);
    const least = datatype === 'INT32' ? 2 ** 31 - 2 : Number.MAX_SAFE_INTEGER - 1;
    return Math.abs(whole) > least ? [] : [whole - 1, whole, whole + 1];
  }
  const single = Math.fround(value);
  return [value, nextSingle(single, -1), nextSingle(single, 1)];
}

const single = new Float32Array(1);
const bits = new Int32Array(single.buffer);

/** The float below or above. */
function nextSingle(value: number, step: 1 | -1): number {
  if (value === 0) return step * 1e-45;
  single[0] = value;
  bits[0] = (bits[0] as number) + (value > 0 ? step : -step);
  return single[0];
}

function strange({ datatype }: Column, value: number, row: number): Value {
  if (datatype === 'BYTES') return TEXTS[row % TEXTS.length] as string;
  if (datatype === 'BOOL') return row & 1;
  return datatype.startsWith('FP') ? value : (STRANGE_INTEGERS[row % STRANGE_INTEGERS.length] as number);
}

function typical({ datatype, places }: Column, random: () => number): Value {
  const isFloat = datatype.startsWith('FP');
  if (places.length > 0 && random() < 0.5) {
    const place = places[Math.floor(random() * places.length)] as Value;
    return isFloat ? (place as number) * (0.5 + random()) : place;
  }
  if (datatype === 'BYTES') return TEXTS[Math.floor(random() * TEXTS.length)] as string;
  if (datatype === 'BOOL') return random() < 0.5 ? 0 : 1;
  if (isFloat) return (random() * 4 - 2) * (random() < 0.1 ? 5 : 1);
  return TYPICAL_INTEGERS[Math.floor(random() * TYPICAL_INTEGERS.length)] as number;
}

function tensorsOf(
  inputs: readonly PlanPort[],
  columns: readonly Column[],
  value: (row: number, column: number) => Value,
): NamedTensor[] {
  const elements = inputs.map(({ datatype, dims }) => newElements(datatype, BATCH_ROWS * sizeOf(dims)));
  const next = inputs.map(() => 0);
  for (let row = 0; row < BATCH_ROWS; row++) {
    for (const [at, { input, datatype }] of columns.entries()) {
      const array = elements[input] as Elements;
      const index = next[input] as number;
      next[input] = index + 1;
      const filled = value(row, at);
      if (array instanceof BigInt64Array || array instanceof BigUint64Array) array[index] = BigInt(filled);
      else if (datatype === 'BYTES') (array as string[])[index] = filled as string;
      else (array as Float64Array)[index] = filled as number;
    }
  }
  return inputs.map(({ name, datatype, dims }, input) => ({
    name,
    datatype,
    shape: [BATCH_ROWS, ...dims],
    data: elementBytes(elements[input] as Elements),
  }));
}
