import { DEFAULT_LIMITS } from '../core/limits.ts';
import { createLogger } from '../telemetry/logger.ts';
import { ShoalClient } from './client.ts';
import { type Composition, type CompositionSettings, compose } from './compose.ts';
import { openDataDir } from './data-dir.ts';
import { EXIT } from './exit.ts';
import { defaultBudgetBytes, defaultLanes } from './machine.ts';
import { formatBytes, print } from './output.ts';
import type { UpCommandOptions } from './program.ts';
import { registerSamples, SAMPLE_REQUEST } from './samples.ts';

/** `shoal up`: everything on this machine, until a signal. */
export async function up(options: UpCommandOptions): Promise<number> {
  const logger = createLogger('main', options.logLevel);
  const data = await openDataDir(options.data);
  const lanes = options.lanes ?? defaultLanes(options.workers);
  const limits = { ...DEFAULT_LIMITS, ...options.limit };
  const budgetBytes = options.memory ?? defaultBudgetBytes(options.workers, limits.workerOverheadBytes);
  const settings: CompositionSettings = {
    ...options,
    data,
    lanes,
    budgetBytes,
    limits,
    allowRoots: options.allowRoot,
    ...(options.idleTtl === undefined ? {} : { idleTtlMs: options.idleTtl }),
    logger,
  };
  const stopped = signals();
  // A second signal doesn't wait, whatever is under way; the other processes die with this one.
  void stopped.second.then(() => process.exit(130));
  try {
    await serve(settings, options, stopped.first);
  } finally {
    data.release();
  }
  return EXIT.ok;
}

async function serve(
  settings: CompositionSettings,
  options: UpCommandOptions,
  stop: Promise<void>,
): Promise<void> {
  const aborted = stop.then(() => 'stopped' as const);
  const composing = compose(settings);
  if ((await Promise.race([composing, aborted])) === 'stopped') return (await composing).stop();
  const composition = await composing;
  try {
    if (options.samples) await Promise.race([offerSamples(composition), aborted]);
    printBanner(settings, options.data, composition.origin);
    await stop;
  } finally {
    await composition.stop();
  }
}

function printBanner(settings: CompositionSettings, dataPath: string, origin: string): void {
  const { workers, lanes, budgetBytes, host } = settings;
  print(
    `${workers} workers of ${lanes} ${lanes === 1 ? 'lane' : 'lanes'} and ${formatBytes(budgetBytes)}, data in ${dataPath}`,
  );
  print(`Shoal listens on ${origin} (API at /docs, metrics at /metrics). Ctrl-C stops it.`);
  if (host !== '127.0.0.1' && host !== 'localhost' && host !== '::1') {
    print(
      'Anyone who reaches this address may read and change everything: put it behind something that checks.',
    );
  }
}

async function offerSamples(composition: Composition): Promise<void> {
  const client = new ShoalClient(composition.origin);
  try {
    if (composition.isEmpty) {
      const onRejected = (sample: string, message: string): void =>
        print(`The sample ${sample} was rejected: ${message}`);
      const tenants = await registerSamples(client, onRejected);
      print(`The registry is empty: registered ${tenants} sample tenants.`);
    }
    const { tenant, model, body } = SAMPLE_REQUEST;
    const hasSample = await composition.hasModel(tenant, model);
    if (!hasSample) return;
    print('Try a prediction:\n');
    print(
      `  curl -s ${composition.origin}/v1/tenants/${tenant}/models/${model}:predict -H 'content-type: application/json' -d '${JSON.stringify(body)}'\n`,
    );
  } finally {
    await client.close();
  }
}

/** The first SIGINT or SIGTERM stops in good order, the second at once. */
function signals() {
  let count = 0;
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const onSignal = (): void => {
    count++;
    (count === 1 ? first : second).resolve();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return { first: first.promise, second: second.promise };
}
