import { workerData } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import type { NamedTensor } from '../../model/signature.ts';
import type { Executor } from '../../runtime/executor.ts';
import { loadOnnxSession } from '../../runtime/onnx-session.ts';
import { JournalSlot } from '../../wire/crash-journal.ts';
import {
  type LaneAnswer,
  type LaneLoad,
  type LaneLoaded,
  type LaneTask,
  type LaneThreadData,
  RUN_FIELDS,
  toFailure,
} from '../../wire/lane.ts';
import type { ModelKey } from '../../wire/model-key.ts';
import { Answer } from './answer.ts';
import { readInputs } from './inputs.ts';
import { ThreadPlans } from './thread-plans.ts';

interface LoadedModel {
  readonly key: ModelKey;
  readonly executor: Executor;
  /** It has finished a run in this worker. */
  hasRun: boolean;
}

const { lane, journalFd, progress } = workerData as LaneThreadData;
const journal = new JournalSlot(journalFd, lane);

/** Sessions can't leave the thread that made them: this map is the lane. */
const models = new Map<number, LoadedModel>();
const plans = new ThreadPlans();

/** piscina's task. Never throws for what a model or a caller did: thrown errors lose their code on the way. */
export default async function work(task: LaneTask): Promise<LaneAnswer> {
  for (const handle of task.releases) await release(handle);
  plans.learn(task);
  const answer = new Answer(task.maxSectionBytes);
  const runs = task.runs.length / RUN_FIELDS;
  for (let index = 0; index < runs; index++) {
    Atomics.store(progress, 0, index);
    await run(task, index * RUN_FIELDS, answer);
  }
  plans.forget(task);
  const loads: LaneLoaded[] = [];
  for (const one of task.loads) {
    Atomics.store(progress, 0, runs + loads.length);
    loads.push(await load(one));
  }
  if (runs + loads.length + task.releases.length > 0) journal.idle();
  const packed = answer.pack(loads);
  // piscina's way to transfer a part of what a task returns; the caller gets the answer itself.
  return move({ [transferableSymbol]: packed.sections, [valueSymbol]: packed }) as unknown as LaneAnswer;
}

async function run(task: LaneTask, at: number, answer: Answer): Promise<void> {
  const { runs } = task;
  const handle = runs[at] as number;
  const partRows = runs[at + 3] as number;
  const startedMs = performance.now();
  try {
    const section = new Uint8Array(task.sections, runs[at + 1], runs[at + 2]);
    const outputs = handle < 0 ? runPlan(task, handle, section) : await runSession(handle, section, partRows);
    answer.add(outputs, () => elapsedUs(startedMs));
    const model = models.get(handle);
    if (model !== undefined) model.hasRun = true;
  } catch (error) {
    answer.fail(toFailure(error), elapsedUs(startedMs));
  }
}

async function runSession(handle: number, section: Uint8Array, partRows: number): Promise<NamedTensor[]> {
  const model = models.get(handle);
  if (model === undefined) throw new Error(`lane has no model under handle ${handle}`);
  journal.begin('running', model.key, model.hasRun);
  return model.executor.run(readInputs(section), partRows);
}

/** Any number of rows as it is: parts make no difference to a plan. */
function runPlan(task: LaneTask, handle: number, section: Uint8Array): NamedTensor[] {
  const plan = task.plans[-handle - 1];
  if (plan === undefined) throw new Error(`the message has no plan for handle ${handle}`);
  journal.begin('running', plan.key, plan.hasRun);
  return plans.run(plan, readInputs(section));
}

async function load({ handle, key, hasRun, artifact }: LaneLoad): Promise<LaneLoaded> {
  const startedMs = performance.now();
  try {
    journal.begin('loading', key, hasRun);
    models.set(handle, { key, executor: await loadOnnxSession(artifact), hasRun });
    return { ok: true, loadUs: elapsedUs(startedMs) };
  } catch (error) {
    return { ok: false, failure: toFailure(error), loadUs: elapsedUs(startedMs) };
  } finally {
    // Freed now: this thread's next garbage collection may be many models away.
    artifact.buffer.transfer(0);
  }
}

async function release(handle: number): Promise<void> {
  const model = models.get(handle);
  if (model === undefined) return;
  models.delete(handle);
  journal.begin('releasing', model.key, model.hasRun);
  await model.executor.release();
}

function elapsedUs(startedMs: number): number {
  return (performance.now() - startedMs) * 1_000;
}
