import type { Limits } from '../../src/core/limits.ts';
import { prepareArtifact } from '../../src/model/onnx/prepare.ts';
import { Caller } from '../../src/router/caller.ts';
import { dispatch } from '../../src/router/dispatch.ts';
import { endlessModel } from './endless-model.ts';
import { connected, createRouterParts } from './router-parts.ts';
import { startTestWorker, type TestWorker, TOKEN } from './worker-process.ts';

/** A run of several milliseconds: so many callers at once wait far longer than a model's requests should. */
const LOOPS = 5_000n;

export interface HotAnswer {
  readonly worker: string;
  readonly cold: boolean;
  readonly atMs: number;
  readonly tookMs: number;
}

/** Real workers of one lane, and a model that one of them can't carry when many callers ask for it. */
export async function startHotModel(workers: number, limits: Partial<Limits> = {}) {
  const running: TestWorker[] = [];
  for (let index = 1; index <= workers; index++) running.push(await startTestWorker({ id: `w${index}` }));
  const members = running.map(({ address }, index) => {
    return { id: `w${index + 1}`, address, zone: 'a', weight: 1 };
  });
  const parts = createRouterParts(members, { token: TOKEN, limits });
  await connected(parts.fleet, workers);
  const bytes = prepareArtifact(endlessModel(LOOPS)).bytes;
  let key = '';
  for (const worker of running) key = await worker.addBytes(bytes);
  const answers: HotAnswer[] = [];
  const data = new Uint8Array(new Float32Array([1]).buffer);
  const ask = async (): Promise<HotAnswer> => {
    const atMs = performance.now();
    const request = {
      key,
      tenant: 'acme',
      partRows: 0,
      residentBytes: 100_000,
      tensors: [{ name: 'x', datatype: 'FP32' as const, shape: [1], data }],
      deadlineAtMs: atMs + 5_000,
    };
    const { worker, frame } = await dispatch(parts, () => members, request, new Caller());
    const endMs = performance.now();
    const answer = { worker, cold: frame.cold, atMs: endMs, tookMs: endMs - atMs };
    answers.push(answer);
    return answer;
  };
  return {
    parts,
    key,
    /** All, in order. */
    answers,
    ask,
    /** So many callers that each ask again as soon as they are answered, until told to stop. */
    overload(callers: number): () => Promise<void> {
      const state = { isDone: false };
      const caller = async (): Promise<void> => {
        while (!state.isDone) await ask();
      };
      const all = Promise.all(Array.from({ length: callers }, caller));
      return async () => {
        state.isDone = true;
        await all;
      };
    },
    async close(): Promise<void> {
      parts.hot.stop();
      parts.fleet.close();
      await Promise.all(running.map((worker) => worker.dispose()));
    },
  };
}
