import { collectDefaultMetrics, Registry as MetricsRegistry } from 'prom-client';
import { createWarming } from '../../router/warming.ts';
import type { RedisSettings } from '../../stores/redis/settings.ts';
import type { S3Settings } from '../../wire/store-settings.ts';
import { advertised } from '../member-lease.ts';
import { openLedRegistry } from './led-registry.ts';
import { openManagerPart } from './manager-part.ts';
import { openCandidate, openMeeting } from './meeting.ts';
import { type Running, Serving, type ServingSettings } from './serving.ts';
import { openSharedObjects } from './shared-stores.ts';

export interface ManagerSettings extends ServingSettings {
  /** This process's alone: one that starts again is another. */
  readonly id: string;
  readonly redis: RedisSettings;
  readonly s3: S3Settings;
  readonly token: string;
  /** Where routers and other managers reach it; undefined: as it listens. */
  readonly advertise: string | undefined;
  readonly allowRoots: readonly string[];
  readonly prefetch: boolean;
}

/** `shoal manager`: registration and traffic, when it leads; else what it is asked to change goes on to who does. */
export async function composeManager(settings: ManagerSettings): Promise<Running> {
  const { id, s3, token, advertise, limits, logger } = settings;
  await using stack = new AsyncDisposableStack();
  const metrics = new MetricsRegistry();
  collectDefaultMetrics({ register: metrics });
  const meetingSettings = { ...settings, metrics };
  const meeting = openMeeting(meetingSettings, stack);
  const { members } = meeting;
  const shared = await openSharedObjects(s3, limits, stack);
  const candidate = openCandidate(meeting, meetingSettings, id, stack);
  const led = openLedRegistry(meeting, meetingSettings, candidate, shared, stack);
  const shardSizeOf = async (tenant: string) => (await led.registry.tenant(tenant))?.settings.shardSize;
  const warming = createWarming({ members, token, shardSizeOf, limits, logger, metrics });
  stack.defer(() => warming.close());
  const nobody = (): Promise<void> => Promise.resolve();
  const part = openManagerPart(
    meetingSettings,
    { ...shared, candidate, members, led, warming, published: nobody, caughtUp: nobody },
    stack,
  );
  const serving = await Serving.open(settings, {
    metrics,
    routes: part.routes,
    notReady: () => part.notReady(),
    scrape: () => metrics.metrics(),
  });
  stack.defer(() => serving.close());
  const origin = await serving.listen();
  candidate.stand(advertised(origin, advertise));
  const running = stack.move();
  return {
    origin,
    async stop() {
      await Promise.all([serving.leave(), part.leave()]);
      await running.disposeAsync();
    },
  };
}
