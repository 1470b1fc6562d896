import { collectDefaultMetrics, Registry as MetricsRegistry } from 'prom-client';
import { redisAnnouncer } from '../../stores/members/redis-announcer.ts';
import type { RedisSettings } from '../../stores/redis/settings.ts';
import { scrapeFleet } from '../../telemetry/fleet-metrics.ts';
import type { LogLevel } from '../../telemetry/logger.ts';
import type { S3Settings } from '../../wire/store-settings.ts';
import type { DataDir } from '../data-dir.ts';
import { WorkerFleet } from '../worker-fleet.ts';
import { strikeClient } from '../strike-client.ts';
import { openMeeting, watchLeader } from './meeting.ts';
import { type Running, Serving, type ServingSettings } from './serving.ts';
import { sharedWorker } from './shared-worker.ts';

export interface WorkerSettings extends ServingSettings {
  readonly redis: RedisSettings;
  readonly s3: S3Settings;
  readonly token: string;
  readonly data: DataDir;
  readonly id: string;
  readonly zone: string;
  readonly weight: number;
  /** Where routers reach it; undefined: as it listens. */
  readonly advertise: string | undefined;
  readonly opsPort: number;
  readonly lanes: number;
  readonly budgetBytes: number;
  readonly cacheBytes: number;
  /** A resident model that nobody asked for since is released; absent: only when its room is needed. */
  readonly idleTtlMs?: number;
  readonly logLevel: LogLevel;
}

/** `shoal worker`: one worker process under this one, which announces it, and tells how it does. */
export async function composeWorker(settings: WorkerSettings): Promise<Running> {
  const { id, opsPort, token, limits, logger } = settings;
  await using stack = new AsyncDisposableStack();
  const metrics = new MetricsRegistry();
  collectDefaultMetrics({ register: metrics, prefix: 'shoal_worker_parent_' });
  const meetingSettings = { ...settings, metrics };
  const meeting = openMeeting(meetingSettings, stack);
  const leader = watchLeader(meeting, meetingSettings, stack);
  const members = redisAnnouncer(meeting.redis, limits);
  const strike = strikeClient({ leader, token, limits, logger });
  const deps = { members, deaths: meeting.members, logger, metrics, strike, now: () => performance.now() };
  const fleet = new WorkerFleet(
    sharedWorker(settings, { port: settings.port, weight: settings.weight }),
    deps,
  );
  const serving = await Serving.open(
    { ...settings, port: opsPort },
    {
      metrics,
      routes: [],
      notReady: () => fleet.notReady(),
      scrape: () => scrapeFleet(metrics, targetsOf(id, fleet.address(id)), token),
    },
  );
  // Probes are answered until there is nothing more to ask for.
  stack.defer(() => serving.close());
  stack.defer(() => fleet.stop());
  const origin = await serving.listen();
  await fleet.start([id]);
  const running = stack.move();
  return {
    origin,
    async stop() {
      await Promise.all([serving.leave(), fleet.leave()]);
      await running.disposeAsync();
    },
  };
}

function targetsOf(id: string, address: string | undefined) {
  return address === undefined ? [] : [{ id, address }];
}
