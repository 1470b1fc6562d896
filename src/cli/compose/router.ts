import type { FastifyPluginAsync } from 'fastify';
import { collectDefaultMetrics, type Registry as MetricsRegistry } from 'prom-client';
import { createForwarder } from '../../http/forward.ts';
import { forwardedManagerRoutes } from '../../manager/server.ts';
import { createRouter, type Router } from '../../router/router.ts';
import type { RedisSettings } from '../../stores/redis/settings.ts';
import type { Registry } from '../../stores/registry/registry.ts';
import { PRODUCT_VERSION } from '../product-version.ts';
import { openMeeting, watchLeader } from './meeting.ts';
import { type Running, Serving, type ServingSettings } from './serving.ts';
import { openFollowedRegistry } from './shared-stores.ts';

export interface RouterSettings extends ServingSettings {
  readonly redis: RedisSettings;
  /** The fleet's. */
  readonly token: string;
  readonly metrics: MetricsRegistry;
  /** The metrics of all routers that share the port. */
  readonly scrape: () => Promise<string>;
}

/** `shoal router`: predictions from its own table; everything else goes on to the leading manager. */
export async function composeRouter(settings: RouterSettings): Promise<Running> {
  const { token, limits, logger, metrics, scrape } = settings;
  await using stack = new AsyncDisposableStack();
  collectDefaultMetrics({ register: metrics });
  const meeting = openMeeting(settings, stack);
  const leader = watchLeader(meeting, settings, stack);
  const registry = openFollowedRegistry(meeting, settings, stack);
  const router = createRouter({
    registry,
    members: meeting.members,
    token,
    limits,
    logger,
    metrics,
    productVersion: PRODUCT_VERSION,
    now: () => performance.now(),
    random: Math.random,
  });
  stack.defer(() => router.stop());
  const forwarder = createForwarder({
    leader: () => leader.current()?.address,
    watch: (onChange) => leader.watch(onChange),
    isForwarded: () => true,
    caughtUp: () => caughtUp(registry, router),
    limits,
  });
  stack.defer(() => forwarder.close());
  const forwarded: FastifyPluginAsync = async (app) => {
    app.addHook('onRequest', forwarder.hook);
    await app.register(forwardedManagerRoutes());
  };
  const serving = await Serving.open(settings, {
    metrics,
    routes: [router.routes, forwarded],
    notReady: () => router.notReady(),
    scrape,
  });
  stack.defer(() => serving.close());
  const origin = await serving.listen();
  const running = stack.move();
  return {
    origin,
    async stop() {
      await serving.leave();
      await running.disposeAsync();
    },
  };
}

/** Who changed something here meets it in the very next request here. While the registry is away it isn't known. */
export async function caughtUp(registry: Pick<Registry, 'position'>, router: Pick<Router, 'reached'>) {
  const position = await registry.position().catch(() => undefined);
  if (position !== undefined) await router.reached(position.revision);
}
