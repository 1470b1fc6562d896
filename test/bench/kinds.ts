import { bodyOf } from '../../sim/workload/requests.ts';
import { type Kind, KINDS, type Mix } from '../../sim/workload/mix.ts';
import { modelsOf, type SimModel, type Workload } from '../../sim/workload/workload.ts';
import { runShoal, startShoal } from '../support/shoal.ts';
import { median } from './harness.ts';

const SEED = 3;
const MODELS = 40;
const WARM_REQUESTS = 10;

/** One request's parts, in milliseconds; what is left of `total` is HTTP, JSON and the way to the worker and back. */
interface Parts {
  readonly total: number;
  readonly queue: number;
  readonly load: number;
  readonly run: number;
}

/** The first request of a model against its next ones, by kind, one request at a time. */
export async function benchKinds(): Promise<void> {
  await using shoal = await startShoal(['--no-samples', '--log-level', 'error']);
  console.log(`cold against warm, ${MODELS} models a kind, one request at a time (median ms):`);
  console.log('  kind          cold total   load    run |  warm total  queue    run | ratio of totals');
  for (const kind of KINDS) {
    const workload = await register(shoal.origin, kind);
    const models = [...modelsOf(workload)];
    const cold: Parts[] = [];
    const warm: Parts[] = [];
    for (const model of models) {
      cold.push(await predict(shoal.origin, model, 0));
      for (let number = 1; number <= WARM_REQUESTS; number++) {
        warm.push(await predict(shoal.origin, model, number));
      }
    }
    const at = (parts: readonly Parts[], part: keyof Parts): number => median(parts.map((one) => one[part]));
    const [coldMs, warmMs] = [at(cold, 'total'), at(warm, 'total')];
    console.log(
      `  ${kind.padEnd(12)} ${ms(coldMs, 11)} ${ms(at(cold, 'load'), 6)} ${ms(at(cold, 'run'), 6)} | ` +
        `${ms(warmMs, 11)} ${ms(at(warm, 'queue'), 6)} ${ms(at(warm, 'run'), 6)} | ${(coldMs / warmMs).toFixed(1)}`,
    );
  }
  console.log('');
}

async function register(origin: string, kind: Kind): Promise<Workload> {
  const mix = Object.fromEntries(KINDS.map((one) => [one, one === kind ? 1 : 0])) as Mix;
  const seed = SEED + KINDS.indexOf(kind);
  const args = ['--count', String(MODELS), '--seed', String(seed), '--mix', `${kind}=1`];
  const { code, stderr } = await runShoal(['sim', 'models', ...args, '--push', origin]);
  if (code !== 0) throw new Error(stderr);
  return { seed, count: MODELS, mix };
}

async function predict(origin: string, model: SimModel, number: number): Promise<Parts> {
  const body = bodyOf(SEED, { atMs: 0, number, model }, 1);
  const startedAt = performance.now();
  const answer = await fetch(`${origin}/v1/tenants/${model.tenant}/models/${model.model}:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  const text = await answer.text();
  const total = performance.now() - startedAt;
  if (answer.status !== 200) throw new Error(text);
  const timing = answer.headers.get('server-timing') ?? '';
  const part = (name: string): number => Number(new RegExp(`${name};dur=([\\d.]+)`).exec(timing)?.[1]);
  return { total, queue: part('queue'), load: part('load'), run: part('run') };
}

function ms(value: number, width: number): string {
  return value.toFixed(2).padStart(width);
}
