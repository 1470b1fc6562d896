import { startHotModel } from '../support/hot-model.ts';
import { median } from './harness.ts';

const ROUNDS = 3;
const CALLERS = 64;
const CALM_REQUESTS = 20;
const MEASURE_MS = 3_000;

/** From the moment when a model gets far more requests than one worker can carry until a second one answers them. */
export async function benchHot(): Promise<void> {
  const rows: { warmMs: number; one: number; two: number; run: number; cold: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) rows.push(await overloadOnce());
  const middle = (pick: (row: (typeof rows)[number]) => number): string => median(rows.map(pick)).toFixed(0);
  console.log(`a model asked by ${CALLERS} callers at once, two workers of one lane, ${ROUNDS} times:`);
  console.log(
    `  from overload to the first answer of a second, warm copy: ${middle((row) => row.warmMs)} ms`,
  );
  console.log(
    `  p50 alone ${middle((row) => row.run)} ms; overloaded on one copy ${middle((row) => row.one)} ms, on two ${middle((row) => row.two)} ms; ` +
      `answers that waited for a load: ${rows.reduce((sum, { cold }) => sum + cold, 0)}\n`,
  );
}

async function overloadOnce() {
  const hot = await startHotModel(2);
  try {
    await hot.ask();
    hot.answers.length = 0;
    for (let index = 0; index < CALM_REQUESTS; index++) await hot.ask();
    const run = median(hot.answers.map(({ tookMs }) => tookMs));
    const sinceMs = performance.now();
    const stop = hot.overload(CALLERS);
    const second = () => hot.answers.find(({ worker }) => worker === 'w2');
    while (second() === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, MEASURE_MS));
    await stop();
    const firstMs = second()?.atMs ?? Number.NaN;
    const during = hot.answers.filter(({ atMs }) => atMs > sinceMs + 200 && atMs < firstMs);
    const after = hot.answers.filter(({ atMs }) => atMs > firstMs + 1_000);
    return {
      warmMs: firstMs - sinceMs,
      one: median(during.map(({ tookMs }) => tookMs)),
      two: median(after.map(({ tookMs }) => tookMs)),
      run,
      cold: hot.answers.filter(({ cold }) => cold).length,
    };
  } finally {
    await hot.close();
  }
}
