import { prepareArtifact } from '../../src/model/onnx/prepare.ts';
import { openNativeHeap } from '../../src/runtime/native-heap.ts';
import { loadOnnxSession } from '../../src/runtime/onnx-session.ts';
import { loadMeasured } from '../../src/runtime/resident-memory.ts';
import { feedsOf, loadArtifact, loadCase } from './cases.ts';

/** What the admission test would measure of a model, beside what each of many copies adds to the resident set. */
export interface Measured {
  readonly measuredBytes: number;
  readonly copyBytes: number;
}

const [name = '', copiesText = ''] = process.argv.slice(2);
const copies = Number(copiesText);
const heap = await openNativeHeap((reason) => {
  throw new Error(reason);
});
const { bytes } = prepareArtifact(loadArtifact(name));
const modelCase = loadCase(name);
const tryOne = async (): Promise<number> => {
  const { executor, release } = await loadMeasured(bytes, loadOnnxSession, 0, heap);
  await executor.run(feedsOf(modelCase), modelCase.batch ?? 0);
  return release();
};
await tryOne();
const measuredBytes = await tryOne();
await heap?.trim();
const beforeBytes = process.memoryUsage.rss();
const held = [];
for (let copy = 0; copy < copies; copy++) held.push(await loadOnnxSession(bytes));
await heap?.trim();
const copyBytes = (process.memoryUsage.rss() - beforeBytes) / held.length;
process.send?.({ measuredBytes, copyBytes } satisfies Measured, () => process.exit(0));
