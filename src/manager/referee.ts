import { ShoalError } from '../core/errors.ts';
import { readHead } from '../model/plan/blob.ts';
import type { Compiled } from '../model/plan/compile.ts';
import type { NamedTensor } from '../model/signature.ts';
import type { Executor } from '../runtime/executor.ts';
import { findDifference } from '../runtime/plan/difference.ts';
import { cutRows, rowsOf } from '../runtime/row-parts.ts';
import { refereeBatches } from './referee-rows.ts';

export type CompiledPlan = Exclude<Compiled, { reason: string }>;

const MOST_ROWS = 1_024;
/** What all rows may cost, where fewer than the most are tried for it; in the plan's own estimate. 256 are tried in any case. */
const TRIAL_NANOSECONDS = 10e6;

/**
 * Whether a plan answers as the session does, on made-up rows that lie where answers change and on strange ones:
 * undefined, or where it doesn't, what it gave and what was expected. A row that one refuses the other must refuse.
 */
export async function findPlanFault(
  session: Executor,
  plan: Executor,
  { structure, probes, plan: { bytes } }: CompiledPlan,
  { partRows, scores }: Comparing,
): Promise<string | undefined> {
  const work = readHead(bytes)?.work ?? 1;
  const mostRows = Math.min(MOST_ROWS, Math.floor(TRIAL_NANOSECONDS / Math.max(1, work)));
  let compared = 0;
  let batch = 0;
  for (const inputs of refereeBatches(structure.inputs, probes, mostRows)) {
    const found = await compare(session, plan, inputs, { partRows, scores });
    if (found.difference !== undefined) return `in batch ${batch} of the generated rows, ${found.difference}`;
    compared += found.compared;
    batch++;
  }
  return compared > 0 ? undefined : 'no generated row could be run by both';
}

export interface Comparing {
  /** Of a model that takes so many rows and no others; 0: any number. */
  readonly partRows: number;
  /** difference.ts. */
  readonly scores: ReadonlySet<string>;
}

interface Comparison {
  readonly difference?: string;
  /** Rows that both answered. */
  readonly compared: number;
}

/** The rows together, and one at a time when either refuses some of them. */
export async function compare(
  session: Executor,
  plan: Executor,
  inputs: readonly NamedTensor[],
  comparing: Comparing,
): Promise<Comparison> {
  const rows = rowsOf(inputs);
  const expected = await attempt(session, inputs, comparing.partRows);
  const actual = await attempt(plan, inputs, comparing.partRows);
  if (!(expected instanceof ShoalError) && !(actual instanceof ShoalError)) {
    const difference = findDifference(actual, expected, comparing);
    return { ...(difference === undefined ? {} : { difference }), compared: rows };
  }
  if (rows > 1) return compareRows(session, plan, inputs, comparing);
  if (expected instanceof ShoalError && actual instanceof ShoalError) return { compared: 0 };
  const words = (answer: unknown): string =>
    answer instanceof ShoalError ? `a refusal (${answer.message})` : 'an answer';
  return { difference: `got ${words(actual)}, expected ${words(expected)}`, compared: 0 };
}

async function compareRows(
  session: Executor,
  plan: Executor,
  inputs: readonly NamedTensor[],
  comparing: Comparing,
): Promise<Comparison> {
  let compared = 0;
  for (const [row, alone] of cutRows(inputs, rowsOf(inputs), 1).entries()) {
    const found = await compare(session, plan, alone, comparing);
    if (found.difference !== undefined) return { difference: `row ${row}: ${found.difference}`, compared };
    compared += found.compared;
  }
  return { compared };
}

async function attempt(
  executor: Executor,
  inputs: readonly NamedTensor[],
  partRows: number,
): Promise<NamedTensor[] | ShoalError> {
  try {
    return await executor.run(inputs, partRows);
  } catch (error) {
    if (error instanceof ShoalError) return error;
    throw error;
  }
}
