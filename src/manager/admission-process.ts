import { create, toBinary } from '@bufbuild/protobuf';
import { writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { ShoalError } from '../core/errors.ts';
import { ModelProtoSchema } from '../model/onnx/onnx_pb.ts';
import type { AdmissionAnswer, AdmissionCall, AdmissionMessage } from '../wire/admission.ts';
import { openNativeHeap } from '../runtime/native-heap.ts';
import { admissionTest } from './admission-test.ts';

/**
 * The process that artifacts are tried in. Native work runs on its main thread, as loading and running block
 * it anyway; a watchdog thread sees to it that the process ends. The manager holds it to its time.
 */
const [maxGrowthBytes, planBytes] = process.argv.slice(2).map(Number) as [number, number];
const ceilingBytes = new Float64Array(new SharedArrayBuffer(8));

// A Ctrl-C or a stopping service reaches the whole group; this one ends when the manager lets go of it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
if (process.platform === 'linux') volunteerForOom();

const watchdog = new Worker(new URL('./admission-watchdog.ts', import.meta.url), {
  workerData: ceilingBytes.buffer,
});
watchdog.on('error', (error) => {
  throw error;
});

const waiting: AdmissionCall[] = [];
let testing = false;

const heap = await openNativeHeap((reason) =>
  process.stderr.write(`resident bytes are estimated: ${reason}\n`),
);
await warmUp();
process.on('message', (call: AdmissionCall) => {
  waiting.push(call);
  if (!testing) void testAll();
});
process.on('disconnect', () => process.exit());
await send({ kind: 'ready' });

async function testAll(): Promise<void> {
  testing = true;
  for (let call = waiting.shift(); call !== undefined; call = waiting.shift()) await send(await test(call));
  testing = false;
}

async function test({ artifact, config }: AdmissionCall): Promise<AdmissionAnswer> {
  ceilingBytes[0] = process.memoryUsage.rss() + maxGrowthBytes;
  let result: AdmissionAnswer['result'];
  try {
    result = { ok: true, findings: await admissionTest(artifact, config, planBytes, heap) };
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    result = { ok: false, code: error.code, message: error.message, details: error.details };
  }
  ceilingBytes[0] = 0;
  return { kind: 'answer', result, rssBytes: process.memoryUsage.rss() };
}

/** Resolves when the message has left the process. */
function send(message: AdmissionMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** The native library's own memory and time are spent before anything is measured, by a session and by a plan. */
async function warmUp(): Promise<void> {
  await admissionTest(identityOf(undefined), {}, planBytes, heap);
  await admissionTest(identityOf(4n), {}, planBytes, heap);
}

/** Of free width there is no plan. */
function identityOf(width: bigint | undefined): Uint8Array {
  const rows = { value: { case: 'dimParam' as const, value: 'N' } };
  const columns =
    width === undefined
      ? { value: { case: 'dimParam' as const, value: 'M' } }
      : { value: { case: 'dimValue' as const, value: width } };
  const type = {
    value: {
      case: 'tensorType' as const,
      value: { elemType: 1, shape: { dim: [rows, columns] } },
    },
  };
  const identity = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: 17n }],
    graph: {
      name: 'warm-up',
      node: [{ opType: 'Identity', input: ['x'], output: ['y'] }],
      input: [{ name: 'x', type }],
      output: [{ name: 'y', type }],
    },
  });
  return toBinary(ModelProtoSchema, identity);
}

/** When the machine runs out of memory, this process is the one to lose. */
function volunteerForOom(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch (error) {
    // Some containers mount /proc read-only. The watchdog holds all the same.
    process.stderr.write(`oom_score_adj could not be raised: ${String(error)}\n`);
  }
}
