import { DEFAULT_LIMITS } from '../core/limits.ts';
import { createLogger } from '../telemetry/logger.ts';
import { ShoalClient } from './client.ts';
import { composeEmbedded, type EmbeddedSettings, type RunningMachine } from './compose/embedded.ts';
import { openDataDir } from './data-dir.ts';
import { defaultBudgetBytes, defaultLanes } from './machine.ts';
import { formatBytes, print } from './output.ts';
import type { UpCommandOptions } from './program.ts';
import { registerSamples, SAMPLE_REQUEST } from './samples.ts';
import { serve, stopSignals } from './serve.ts';

/** `shoal up`: everything on this machine, until a signal. */
export async function up(options: UpCommandOptions): Promise<number> {
  const logger = createLogger('main', options.logLevel);
  const data = await openDataDir(options.data);
  const lanes = options.lanes ?? defaultLanes(options.workers);
  const limits = { ...DEFAULT_LIMITS, ...options.limit };
  const budgetBytes = options.memory ?? defaultBudgetBytes(options.workers, limits.workerOverheadBytes);
  const settings: EmbeddedSettings = {
    ...options,
    data,
    lanes,
    budgetBytes,
    limits,
    allowRoots: options.allowRoot,
    ...(options.idleTtl === undefined ? {} : { idleTtlMs: options.idleTtl }),
    logger,
  };
  try {
    return await serve(
      () => composeEmbedded(settings),
      async (running, stopped) => {
        if (options.samples) await Promise.race([offerSamples(running), stopped]);
        printBanner(settings, options.data, running.origin);
      },
      stopSignals(),
    );
  } finally {
    data.release();
  }
}

function printBanner(settings: EmbeddedSettings, dataPath: string, origin: string): void {
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

async function offerSamples(running: RunningMachine): Promise<void> {
  const client = new ShoalClient(running.origin);
  try {
    if (running.isEmpty) {
      const onRejected = (sample: string, message: string): void =>
        print(`The sample ${sample} was rejected: ${message}`);
      const tenants = await registerSamples(client, onRejected);
      print(`The registry is empty: registered ${tenants} sample tenants.`);
    }
    const { tenant, model, body } = SAMPLE_REQUEST;
    const hasSample = await running.hasModel(tenant, model);
    if (!hasSample) return;
    print('Try a prediction:\n');
    print(
      `  curl -s ${running.origin}/v1/tenants/${tenant}/models/${model}:predict -H 'content-type: application/json' -d '${JSON.stringify(body)}'\n`,
    );
  } finally {
    await client.close();
  }
}
