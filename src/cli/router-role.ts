import cluster from 'node:cluster';
import { Registry as MetricsRegistry } from 'prom-client';
import { DEFAULT_LIMITS } from '../core/limits.ts';
import { createLogger } from '../telemetry/logger.ts';
import { ClusteredRouter } from './clustered-router.ts';
import { composeRouter, type RouterSettings } from './compose/router.ts';
import { EXIT } from './exit.ts';
import { print, warnIfOpen } from './output.ts';
import type { RouterCommandOptions } from './role-commands.ts';
import { fleetToken, redisSettingsOf } from './role-options.ts';
import { RouterCluster } from './router-cluster.ts';
import { serve, stopSignals } from './serve.ts';

/** `shoal router`: one process, or several that share the port. */
export async function router(options: RouterCommandOptions): Promise<number> {
  const settings = {
    ...options,
    redis: redisSettingsOf(options),
    token: fleetToken(),
    limits: { ...DEFAULT_LIMITS, ...options.limit },
    logger: createLogger('router', options.logLevel),
    metrics: new MetricsRegistry(),
  };
  if (options.routers === 1) return one({ ...settings, scrape: () => settings.metrics.metrics() });
  if (cluster.isPrimary) return several(options, new RouterCluster(options.routers, settings));
  const clustered = new ClusteredRouter(settings.metrics);
  const running = { ...settings, scrape: () => clustered.scrape() };
  const stop = { first: clustered.stopped, second: new Promise<void>(() => undefined) };
  try {
    const code = await serve(
      () => composeRouter(running),
      () => undefined,
      stop,
    );
    // The channel to the other process would keep this one.
    return process.exit(code);
  } catch (error) {
    settings.logger.fatal({ err: error }, 'a router process could not start or stop');
    clustered.failed(error as Error);
    return EXIT.refused;
  }
}

function one(settings: RouterSettings): Promise<number> {
  return serve(
    () => composeRouter(settings),
    ({ origin }) => banner(settings.host, origin),
    stopSignals(),
  );
}

function several({ host, routers }: RouterCommandOptions, processes: RouterCluster): Promise<number> {
  const start = async () => ({
    origin: `http://${host}:${await processes.start()}`,
    stop: () => processes.stop(),
  });
  return serve(start, ({ origin }) => banner(host, origin, ` (${routers} processes)`), stopSignals());
}

function banner(host: string, origin: string, how = ''): void {
  print(`A Shoal router listens on ${origin}${how} (API at /docs, metrics at /metrics). Ctrl-C stops it.`);
  warnIfOpen(host);
}
