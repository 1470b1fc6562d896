import type { ShoalError } from '../../src/core/errors.ts';
import { Caller } from '../../src/router/caller.ts';
import { dispatch } from '../../src/router/dispatch.ts';
import type { WorkerClient } from '../../src/router/worker-client.ts';
import type { WorkerRequest } from '../../src/router/worker-request.ts';
import type { Member } from '../../src/stores/members/members.ts';
import { readSection } from '../../src/wire/tensor-section.ts';
import { type FakeWorker, type FakeWorkerOptions, startFakeWorker } from './fake-worker.ts';
import { connected, createRouterParts, type RouterPartsOptions } from './router-parts.ts';

export const KEY = `acme/churn/1@sha256:${'0'.repeat(64)}`;

export type Cleanups = (() => unknown)[];

/** Fake workers, the first of the order first, and a way to send requests to them as the router does. */
export async function startDispatch(
  cleanups: Cleanups,
  workers: readonly FakeWorkerOptions[],
  options: RouterPartsOptions = {},
) {
  const fakes: FakeWorker[] = [];
  for (const worker of workers) fakes.push(await startFakeWorker(worker));
  const order = fakes.map(({ member }) => member);
  const parts = createRouterParts(order, options);
  cleanups.push(() => parts.fleet.close(), ...fakes.map((fake) => () => fake.close()));
  await connected(parts.fleet, fakes.length);
  const send = (timeoutMs = 10_000, orderNow: () => readonly Member[] = () => order, caller = new Caller()) =>
    dispatch(parts, orderNow, workerRequest({ timeoutMs }), caller);
  return { fakes, order, parts, send };
}

/** One fake worker and the router's client of it. */
export async function startClient(
  cleanups: Cleanups,
  workerOptions: FakeWorkerOptions = {},
  options: RouterPartsOptions = {},
) {
  const worker = await startFakeWorker(workerOptions);
  const parts = createRouterParts([worker.member], options);
  cleanups.push(
    () => parts.fleet.close(),
    () => worker.close(),
  );
  await connected(parts.fleet, 1);
  return { worker, client: parts.fleet.client(worker.member.id) as WorkerClient, parts };
}

export function workerRequest({
  value = 1,
  timeoutMs = 10_000,
  ...rest
}: Partial<WorkerRequest> & { value?: number; timeoutMs?: number } = {}): WorkerRequest {
  const data = new Uint8Array(new Float64Array([value]).buffer);
  return {
    key: KEY,
    tenant: 'acme',
    partRows: 0,
    residentBytes: 1_000,
    tensors: [{ name: 'X', datatype: 'FP64', shape: [1], data }],
    deadlineAtMs: performance.now() + timeoutMs,
    ...rest,
  };
}

type OnRequest = NonNullable<FakeWorkerOptions['onRequest']>;

export const failing =
  (code: 'OVERLOADED' | 'SHUTTING_DOWN' | 'STORE_UNAVAILABLE' | 'MODEL_FAILED'): OnRequest =>
  (_frame, answer) =>
    answer.fail(code, `${code} here`);

export const dying: OnRequest = (_frame, answer) => answer.socket.destroy();

/** The code with which it failed, or `none`. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return (error as ShoalError).code;
  }
}

/** What a fake worker that echoes has answered. */
export async function valueOf(sending: ReturnType<WorkerClient['send']>): Promise<number> {
  const outcome = await sending;
  if (outcome.kind !== 'answer' || !outcome.frame.result.ok) throw new Error(`no answer: ${outcome.kind}`);
  const [tensor] = readSection(outcome.frame.result.section);
  return new Float64Array(new Uint8Array(tensor?.data ?? []).buffer)[0] as number;
}
