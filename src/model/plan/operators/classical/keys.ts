import type { PlanBuilder } from '../../builder.ts';
import type { Keys } from '../../classical-steps.ts';
import { type RowValue, sizeOf } from '../../values.ts';

/** An answer that differs for each of thousands of categories is tried at some. */
const MAX_PROBED_KEYS = 64;

/** Numbers in rising order; `order[i]` is where the i-th of them was. NaN is left out, of equal ones one is kept. */
export function sortedKeys(
  keys: readonly number[],
  kept: 'first' | 'last',
): { readonly sorted: readonly number[]; readonly order: readonly number[] } {
  const places = new Map<number, number>();
  for (const [place, key] of keys.entries())
    if (!Number.isNaN(key) && (kept === 'last' || !places.has(key))) places.set(key, place);
  const entries = [...places].toSorted(([a], [b]) => a - b);
  return { sorted: entries.map(([key]) => key), order: entries.map(([, place]) => place) };
}

export function numberKeys(builder: PlanBuilder, sorted: readonly number[]): Keys {
  const numbers = new Float64Array(1 + sorted.length);
  numbers[0] = sorted.length;
  numbers.set(sorted, 1);
  return { section: builder.section(numbers) };
}

/** Tries the categories, and values near them that are none. */
export function probeKeys(
  builder: PlanBuilder,
  value: RowValue,
  keys: readonly string[] | readonly number[],
): void {
  const some = keys.slice(0, MAX_PROBED_KEYS);
  const size = sizeOf(value.dims);
  const texts = some.filter((key) => typeof key === 'string');
  const numbers = some.filter((key) => typeof key === 'number');
  const step = value.type === 'FP32' || value.type === 'FP64' ? 0.5 : 1;
  const values =
    texts.length > 0
      ? [...new Set(['', ...texts, ...texts.slice(0, 8).flatMap((text) => [`${text} `, text.toUpperCase()])])]
      : [...new Set(numbers.flatMap((key) => [key, key - step, key + step]))];
  for (let element = 0; element < size; element++) builder.probe(value, element, values);
}
