import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ADMISSION_ENV, ADMISSION_EXEC_ARGV } from '../../../src/wire/admission.ts';
import type { Executor } from '../../../src/runtime/executor.ts';
import { openNativeHeap } from '../../../src/runtime/native-heap.ts';
import { loadOnnxSession } from '../../../src/runtime/onnx-session.ts';
import { estimateResidentBytes, loadMeasured } from '../../../src/runtime/resident-memory.ts';
import { loadArtifact } from '../../support/cases.ts';
import type { Measured } from '../../support/measuring-process.ts';

/** A heap that a made-up executor fills and empties; `strayBytes` leave it beside the release, one value a copy. */
function madeUp(heldBytes: number, strayBytes: number[]) {
  let usedBytes = 1_000_000_000;
  let loads = 0;
  return {
    heap: { usedBytes: () => usedBytes, trim: () => Promise.resolve() },
    loads: () => loads,
    load: (): Promise<Executor> => {
      loads++;
      usedBytes += heldBytes;
      return Promise.resolve({
        run: () => Promise.resolve([]),
        async release() {
          usedBytes -= heldBytes + (strayBytes.shift() ?? 0);
        },
      });
    },
  };
}

const ARTIFACT = new Uint8Array(10_000);
const ESTIMATE_BYTES = estimateResidentBytes(ARTIFACT.length, 0);
const BESIDE_BYTES = 12 * 1024;

test('what the release gives back is what the model takes', async () => {
  const made = madeUp(ESTIMATE_BYTES, []);
  const { release } = await loadMeasured(ARTIFACT, made.load, 0, made.heap);
  assert.equal(await release(), ESTIMATE_BYTES + BESIDE_BYTES);
  assert.equal(made.loads(), 1);
});

test('a figure far from the estimate is taken again until two agree, or five times: then the middle one counts', async () => {
  const MB = 1_000_000;
  for (const [strays, strayBytes, loads] of [
    [[5 * MB, 0, 0], 0, 3],
    [[0, 5 * MB], 0, 1],
    [[-ESTIMATE_BYTES, 0, 0], 0, 3],
    [[-9 * MB, -3 * MB, 0, 0], 0, 4],
    [[5 * MB, 5 * MB], 5 * MB, 2],
    [[5 * MB, 0, 9 * MB, 2 * MB, -MB], 2 * MB, 5],
  ] as const) {
    const made = madeUp(ESTIMATE_BYTES, [...strays]);
    const { release } = await loadMeasured(ARTIFACT, made.load, 0, made.heap);
    assert.equal(await release(), ESTIMATE_BYTES + strayBytes + BESIDE_BYTES);
    assert.equal(made.loads(), loads);
  }
});

test('no model is counted as less than any session takes', async () => {
  const made = madeUp(1_000, []);
  const { release } = await loadMeasured(ARTIFACT, made.load, 0, made.heap);
  assert.equal(await release(), 36 * 1024);
});

test('without a native heap a model is never taken for free', async () => {
  const bytes = loadArtifact('stock-quantile');
  const { release, loadMs } = await loadMeasured(bytes, loadOnnxSession, 0, undefined);
  assert.ok(loadMs > 0);
  assert.ok((await release()) >= estimateResidentBytes(bytes.length, 0));
});

test('where there is no glibc the reason is told', async () => {
  const reasons: string[] = [];
  const heap = await openNativeHeap((reason) => reasons.push(reason));
  assert.equal(reasons.length, heap === undefined ? 1 : 0);
  if (heap === undefined) return;
  const beforeBytes = heap.usedBytes();
  const held: Executor[] = [];
  for (let copy = 0; copy < 4; copy++) held.push(await loadOnnxSession(loadArtifact('fraud-forest')));
  // 10 MB, and whatever is collected meanwhile.
  assert.ok(heap.usedBytes() - beforeBytes > 5_000_000);
  for (const executor of held) await executor.release();
  await heap.trim();
});

const GLIBC_MODELS = [
  ['churn-logreg', 300],
  ['upsell-gbt', 300],
  ['payments-isolationforest', 4],
  ['recommend-torch-embedding', 20],
] as const;

for (const [name, copies] of process.platform === 'linux' ? GLIBC_MODELS : []) {
  test(`${name}: measured within a tenth of what a copy adds to the resident set`, async () => {
    const program = new URL('../../support/measuring-process.ts', import.meta.url);
    const child = fork(program, [name, String(copies)], {
      env: { ...process.env, ...ADMISSION_ENV },
      execArgv: [...process.execArgv, ...ADMISSION_EXEC_ARGV],
    });
    const [{ measuredBytes, copyBytes }] = (await once(child, 'message')) as [Measured];
    // A worker has objects of its own for each model, which these copies have not.
    assert.ok(
      measuredBytes > 0.9 * copyBytes && measuredBytes < 1.1 * copyBytes + 8 * 1024,
      `measured ${measuredBytes}, a copy takes ${copyBytes}`,
    );
  });
}
