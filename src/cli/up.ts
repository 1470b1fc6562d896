import { hostname } from 'node:os';
import { DEFAULT_LIMITS } from '../core/limits.ts';
import { createLogger } from '../telemetry/logger.ts';
import { ShoalClient } from './client.ts';
import { composeEmbedded, type EmbeddedSettings, type RunningMachine } from './compose/embedded.ts';
import { composeShared, type SharedSettings } from './compose/shared.ts';
import { openDataDir } from './data-dir.ts';
import { CliError, EXIT } from './exit.ts';
import { describeS3 } from '../stores/objects/s3-url.ts';
import { describeRedis } from '../stores/redis/settings.ts';
import { defaultBudgetBytes, defaultLanes } from './machine.ts';
import { formatBytes, print, warnIfOpen } from './output.ts';
import {
  ALL_ADDRESSES,
  advertiseOf,
  fleetToken,
  managerIdOf,
  redisSettingsOf,
  s3SettingsOf,
} from './role-options.ts';
import { registerSamples, SAMPLE_REQUEST } from './samples.ts';
import { serve, stopSignals } from './serve.ts';
import type { UpCommandOptions } from './up-command.ts';

/** `shoal up`: everything on this machine, until a signal. */
export async function up(options: UpCommandOptions): Promise<number> {
  const fleet = fleetSettingsOf(options);
  const logger = createLogger('main', options.logLevel);
  const limits = { ...DEFAULT_LIMITS, ...options.limit };
  const data = await openDataDir(options.data);
  const settings: EmbeddedSettings = {
    ...options,
    host: options.host ?? (fleet === undefined ? '127.0.0.1' : ALL_ADDRESSES),
    data,
    lanes: options.lanes ?? defaultLanes(options.workers),
    budgetBytes: options.memory ?? defaultBudgetBytes(options.workers, limits.workerOverheadBytes),
    limits,
    allowRoots: options.allowRoot,
    ...(options.idleTtl === undefined ? {} : { idleTtlMs: options.idleTtl }),
    logger,
  };
  try {
    if (fleet !== undefined) return await upInFleet({ ...settings, ...fleet }, options);
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

/** Its stores may not be there yet: samples are offered when they are, if this machine is the first. */
function upInFleet(settings: SharedSettings, options: UpCommandOptions): Promise<number> {
  return serve(
    () => composeShared(settings),
    async (running, stopped) => {
      print(
        `Part of the fleet that meets at ${describeRedis(settings.redis)}, with ${describeS3(settings.s3)}; its workers are ${settings.id}-0 and so on.`,
      );
      printBanner(settings, options.data, running.origin);
      if (!options.samples) return;
      const offered = offerSamples(running).catch((error: unknown) =>
        settings.logger.warn({ err: error }, 'the samples could not be registered'),
      );
      await Promise.race([offered, stopped]);
    },
    stopSignals(),
  );
}

type FleetSettings = Omit<SharedSettings, keyof EmbeddedSettings>;

/** Undefined: it is to use stores of its own. */
function fleetSettingsOf(options: UpCommandOptions): FleetSettings | undefined {
  if (options.registry === undefined && options.artifacts === undefined) return undefined;
  if (options.cache !== undefined)
    throw new CliError(
      '--cache is for a data directory of its own; with --artifacts the cache is in --data',
      EXIT.usage,
    );
  const host = options.host ?? ALL_ADDRESSES;
  const advertise = advertiseOf({ ...options, host });
  if (advertise !== undefined && /:\d+$/.test(advertise))
    throw new CliError(
      '--advertise (SHOAL_ADVERTISE) takes no port here: router and workers have each their own',
      EXIT.usage,
    );
  const id = options.id ?? hostname();
  return {
    id,
    managerId: managerIdOf(id),
    redis: redisSettingsOf(options),
    s3: s3SettingsOf(options),
    token: fleetToken(),
    zone: options.zone,
    advertise,
  };
}

function printBanner(settings: EmbeddedSettings, dataPath: string, origin: string): void {
  const { workers, lanes, budgetBytes, host } = settings;
  print(
    `${workers} ${workers === 1 ? 'worker' : 'workers'} of ${lanes} ${lanes === 1 ? 'lane' : 'lanes'} and ${formatBytes(budgetBytes)}, data in ${dataPath}`,
  );
  print(`Shoal listens on ${origin} (API at /docs, metrics at /metrics). Ctrl-C stops it.`);
  warnIfOpen(host);
}

async function offerSamples(running: RunningMachine): Promise<void> {
  const client = new ShoalClient(running.origin);
  try {
    if (await running.mayOfferSamples()) {
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
