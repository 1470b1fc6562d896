import type { Logger } from 'pino';
import type { Member } from '../stores/members/members.ts';
import type { ModelKey } from '../wire/model-key.ts';
import { Caller } from './caller.ts';
import type { Fleet } from './fleet.ts';
import type { RouterMetrics } from './metrics.ts';
import type { Resolved } from './predict.ts';
import type { WorkerRequest } from './worker-request.ts';

/** Copies under way at once, each of another version; each holds the tensors of a request. */
const MAX_UNDER_WAY = 32;
const SHADOW_DEADLINE_MS = 10_000;

export interface ShadowDeps {
  readonly fleet: Fleet;
  readonly metrics: RouterMetrics;
  readonly logger: Logger;
  readonly now: () => number;
  readonly random: () => number;
}

/**
 * Sends copies of answered requests to shadow versions and throws their answers away. A copy is worth less than
 * any production request: it goes only to a worker where nothing is under way or waits, is tried once, and runs in
 * the background there.
 */
export class Shadow {
  readonly #deps: ShadowDeps;
  readonly #underWay = new Set<ModelKey>();

  constructor(deps: ShadowDeps) {
    this.#deps = deps;
  }

  copy(resolved: Resolved, order: readonly Member[], request: WorkerRequest): void {
    const { fleet, metrics, now, random } = this.#deps;
    const { tenant, model, entry } = resolved;
    const share = entry.traffic.shadow;
    if (share === undefined || random() * 100 >= share.percent) return;
    const version = entry.versions.find((one) => one.version === share.version);
    if (version === undefined || version.quarantine !== undefined) return;
    const key = version.key(tenant, model);
    if (this.#underWay.size >= MAX_UNDER_WAY || this.#underWay.has(key)) {
      metrics.shadow.inc({ outcome: 'skipped_limit' });
      return;
    }
    const nowMs = now();
    const clients = order.map(({ id }) => fleet.client(id));
    // It may be about to hold a lane there, and must not get another one elsewhere.
    const mayHold =
      fleet.held.holdersOf(key).length > 0 || clients.some((client) => client?.owesSilently(key, nowMs));
    const idle = clients.find(
      (client) =>
        client?.isConnected &&
        !client.health.isPassedOver(nowMs, 1) &&
        client.inFlight === 0 &&
        client.queueDelayMs(nowMs) === 0,
    );
    if (idle === undefined || mayHold) {
      metrics.shadow.inc({ outcome: 'skipped_busy' });
      return;
    }
    void this.#send(idle, {
      ...request,
      key,
      residentBytes: version.residentBytes,
      background: true,
      deadlineAtMs: nowMs + SHADOW_DEADLINE_MS,
    });
  }

  async #send(client: NonNullable<ReturnType<Fleet['client']>>, request: WorkerRequest): Promise<void> {
    const { metrics, logger } = this.#deps;
    this.#underWay.add(request.key);
    const outcome = await client.send(request, new Caller());
    this.#underWay.delete(request.key);
    const isAnswered = outcome.kind === 'answer' && outcome.frame.result.ok;
    metrics.shadow.inc({ outcome: isAnswered ? 'sent' : 'failed' });
    if (!isAnswered) logger.debug({ key: request.key, outcome }, 'a shadow request failed');
  }
}
