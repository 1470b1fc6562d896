import { collectDefaultMetrics, Registry as MetricsRegistry } from 'prom-client';
import { createRouter } from '../../router/router.ts';
import { redisAnnouncer } from '../../stores/members/redis-announcer.ts';
import type { RedisSettings } from '../../stores/redis/settings.ts';
import { scrapeFleet, type ScrapeTarget } from '../../telemetry/fleet-metrics.ts';
import type { S3Settings } from '../../wire/store-settings.ts';
import { advertised } from '../member-lease.ts';
import { PRODUCT_VERSION } from '../product-version.ts';
import { strikeClient } from '../strike-client.ts';
import { WorkerFleet } from '../worker-fleet.ts';
import { type EmbeddedSettings, type RunningMachine, workerIds } from './embedded.ts';
import { openLedRegistry } from './led-registry.ts';
import { openManagerPart } from './manager-part.ts';
import { openCandidate, openMeeting } from './meeting.ts';
import { caughtUp } from './router.ts';
import { Serving } from './serving.ts';
import { openSharedObjects } from './shared-stores.ts';
import { sharedWorker } from './shared-worker.ts';

export interface SharedSettings extends Omit<EmbeddedSettings, 'cache'> {
  /** Its workers are `<id>-0`, `<id>-1` and so on. */
  readonly id: string;
  /** This process's alone: one that starts again is another manager. */
  readonly managerId: string;
  readonly redis: RedisSettings;
  readonly s3: S3Settings;
  /** The fleet's. */
  readonly token: string;
  readonly zone: string;
  /** `http://host` at which others reach this machine; undefined: as it listens. */
  readonly advertise: string | undefined;
}

/** `shoal up --registry redis:... --artifacts s3:...`: all roles in and beside this process, as a part of a fleet. */
export async function composeShared(settings: SharedSettings): Promise<RunningMachine> {
  const { token, advertise, limits, logger } = settings;
  await using stack = new AsyncDisposableStack();
  const metrics = new MetricsRegistry();
  collectDefaultMetrics({ register: metrics });
  const meetingSettings = { ...settings, metrics };
  const meeting = openMeeting(meetingSettings, stack);
  const { members, redis } = meeting;
  const shared = await openSharedObjects(settings.s3, limits, stack);
  const candidate = openCandidate(meeting, meetingSettings, settings.managerId, stack);
  const led = openLedRegistry(meeting, meetingSettings, candidate, shared, stack);
  const now = (): number => performance.now();
  const strike = strikeClient({ leader: candidate, token, limits, logger });
  const told = { members: redisAnnouncer(redis, limits), deaths: members, logger, metrics, strike, now };
  const fleet = new WorkerFleet(sharedWorker(settings, { port: 0, weight: 1 }), told);
  stack.defer(() => fleet.stop());
  const ids = workerIds(settings.id, settings.workers);
  const router = createRouter({
    registry: led.followed,
    members,
    token,
    limits,
    logger,
    metrics,
    productVersion: PRODUCT_VERSION,
    now,
    random: Math.random,
  });
  stack.defer(() => router.stop());
  const part = openManagerPart(
    meetingSettings,
    {
      ...shared,
      candidate,
      members,
      led,
      warming: router,
      published: (revision) => router.reached(revision),
      caughtUp: () => caughtUp(led.followed, router),
    },
    stack,
  );
  const serving = await Serving.open(settings, {
    metrics,
    routes: [router.routes, ...part.routes],
    notReady: () => router.notReady(),
    scrape: () => scrapeFleet(metrics, targetsOf(fleet, ids), token),
  });
  stack.defer(() => serving.close());
  await fleet.start(ids);
  const origin = await serving.listen();
  candidate.stand(advertised(origin, advertise));
  const running = stack.move();
  return {
    origin,
    async mayOfferSamples() {
      await part.decided;
      return led.keeper.refusal() === undefined && (await led.registry.position())?.revision === 0;
    },
    hasModel: async (tenant, model) => (await led.registry.model(tenant, model)) !== undefined,
    async stop() {
      await Promise.all([serving.leave(), part.leave(), fleet.leave()]);
      await running.disposeAsync();
    },
  };
}

/** Those of this machine; others have their own. */
function targetsOf(fleet: WorkerFleet, ids: readonly string[]): ScrapeTarget[] {
  return ids.flatMap((id) => {
    const address = fleet.address(id);
    return address === undefined ? [] : [{ id, address }];
  });
}
