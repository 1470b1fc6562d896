import type { Keys, Values } from '../../../model/plan/classical-steps.ts';
import type { Layout } from '../kernel.ts';
import type { PlanRun } from '../run.ts';

/** Which key an element of a register's array is; as many as there are keys for none, one more for NaN. */
export type FindKey = (run: PlanRun, element: number) => number;

export function findKey(keys: Keys, register: number, layout: Layout): FindKey {
  if ('texts' in keys) {
    const places = new Map(keys.texts.map((text, place) => [text, place]));
    const none = keys.texts.length;
    return (run, element) => places.get(run.text[element] as string) ?? none;
  }
  const { section } = keys;
  if (layout.kind(register) === 'f32')
    return (run, element) => findNumber(run, section, run.f32[element] as number);
  return (run, element) => findNumber(run, section, run.f64[element] as number);
}

/** In a section of how many numbers there are, and these in rising order. */
export function findNumber(run: PlanRun, section: number, value: number): number {
  const numbers = run.memory.f64;
  const start = (run.section(section) >> 3) + 1;
  const count = numbers[start - 1] as number;
  if (Number.isNaN(value)) return count + 1;
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[start + middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low < count && numbers[start + low] === value ? low : count;
}

/** Puts a value where a register's element is, in its array. */
export type PutValue = (run: PlanRun, element: number, place: number) => void;

export function putValue(values: Values, output: number, layout: Layout): PutValue {
  if ('texts' in values) {
    const { texts } = values;
    return (run, element, place) => {
      run.text[element] = texts[place] as string;
    };
  }
  const { section } = values;
  if (layout.kind(output) === 'f32')
    return (run, element, place) => {
      run.f32[element] = run.memory.f64[(run.section(section) >> 3) + place] as number;
    };
  return (run, element, place) => {
    run.f64[element] = run.memory.f64[(run.section(section) >> 3) + place] as number;
  };
}
