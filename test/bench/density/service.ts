import { type Kind, KINDS, type Mix } from '../../../sim/workload/mix.ts';
import { bodyOf } from '../../../sim/workload/requests.ts';
import { modelsOf } from '../../../sim/workload/workload.ts';
import { type RunningShoal, runShoal, startShoal } from '../../support/shoal.ts';
import { httpPost, inTurn, runLoad, summary } from '../harness.ts';
import type { LoadPlan, LoadResult } from '../load.ts';

const SEED = 3;
const MODELS = 40;
const ROUNDS = 3;
/** No plan is as small as that: all models stay with ONNX Runtime. */
const SESSIONS_ONLY = ['--limit', 'planBytes=1'];

/** The same models through the whole service, as plans and as sessions. */
export async function benchService(): Promise<void> {
  console.log(`\nthe whole service, ${MODELS} models a kind:`);
  await using plans = await startShoal(['--no-samples', '--log-level', 'error']);
  await using sessions = await startShoal(['--no-samples', '--log-level', 'error', ...SESSIONS_ONLY]);
  for (const kind of ['linear', 'small-trees', 'large-trees'] as const) {
    const [ofPlans, ofSessions] = [await register(plans, kind), await register(sessions, kind)];
    for (const connections of [1, 32]) {
      const { a, b } = await inTurn(
        ROUNDS,
        () => runLoad({ ...ofPlans, connections }),
        () => runLoad({ ...ofSessions, connections }),
      );
      report(`${kind}, ${connections} connections`, a, b);
    }
  }
}

async function register(shoal: RunningShoal, kind: Kind): Promise<Omit<LoadPlan, 'connections'>> {
  const mix = Object.fromEntries(KINDS.map((one) => [one, one === kind ? 1 : 0])) as Mix;
  const seed = SEED + KINDS.indexOf(kind);
  const args = ['--count', String(MODELS), '--seed', String(seed), '--mix', `${kind}=1`];
  const { code, stderr } = await runShoal(['sim', 'models', ...args, '--push', shoal.origin]);
  if (code !== 0) throw new Error(stderr);
  const models = [...modelsOf({ seed, count: MODELS, mix })];
  const requests = models.map((model, number) =>
    httpPost(
      `/v1/tenants/${model.tenant}/models/${model.model}:predict`,
      bodyOf(SEED, { atMs: 0, number, model }, 1),
    ),
  );
  return {
    host: '127.0.0.1',
    port: Number(new URL(shoal.origin).port),
    requests,
    warmUpMs: 1_500,
    measureMs: 3_000,
  };
}

function report(title: string, a: readonly LoadResult[], b: readonly LoadResult[]): void {
  const [plans, sessions] = [summary(a), summary(b)];
  const words = ({ perSecond, p50Ms, p99Ms }: typeof plans): string =>
    `${perSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(2)}, p99 ${p99Ms.toFixed(2)} ms`;
  console.log(
    `  ${title.padEnd(28)} plans ${words(plans)} | sessions ${words(sessions)} | ratio ${(plans.perSecond / sessions.perSecond).toFixed(2)}`,
  );
}
