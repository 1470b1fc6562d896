import { pino } from 'pino';
import { Registry as MetricsRegistry } from 'prom-client';
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { createRouter } from '../../src/router/router.ts';
import { createMemoryMembers } from '../../src/stores/members/memory.ts';
import type { Member } from '../../src/stores/members/members.ts';
import { announcementOf } from './announcement.ts';
import { TOKEN } from './fake-worker.ts';
import { connected } from './router-parts.ts';
import { ScriptedRegistry } from './scripted-registry.ts';

export interface RouterAppOptions {
  readonly limits?: Partial<Limits>;
  readonly random?: () => number;
}

/** A whole router on a real port over given workers and a registry that the test writes. */
export async function startRouterApp(members: readonly Member[], options: RouterAppOptions = {}) {
  const registry = new ScriptedRegistry();
  const store = createMemoryMembers();
  for (const member of members) void store.announce(announcementOf(member));
  const metrics = new MetricsRegistry();
  const logger = pino({ level: 'silent' });
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const router = createRouter({
    registry,
    members: store,
    token: TOKEN,
    limits,
    logger,
    metrics,
    productVersion: '0.0.0-test',
    now: () => performance.now(),
    random: options.random ?? Math.random,
  });
  const app = createHttpServer({ limits, logger, metrics, logRequests: false, stopping: () => false });
  await app.register(router.routes);
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  await router.ready;
  await connected(router.fleet, members.length);
  return {
    origin,
    registry,
    router,
    members: store,
    metrics,
    async close() {
      await app.close();
      await router.stop();
    },
  };
}
