import cluster, { type Worker as RouterProcess } from 'node:cluster';
import { AggregatorRegistry, type MetricObject } from 'prom-client';
import type { Logger } from 'pino';
import type { Limits } from '../core/limits.ts';
import { labelled } from '../telemetry/fleet-metrics.ts';
import type { RouterCommand, RouterMessage } from '../wire/router-process.ts';
import { CliError } from './exit.ts';

const COLLECT_MS = 1_000;
/** A router that lived at least so long is started again at once. */
const YOUNG_MS = 5_000;
const MAX_RESTART_MS = 5_000;
/** Beyond leaving and draining, what a router may take to end. */
const END_MS = 3_000;

export interface RouterClusterDeps {
  readonly limits: Pick<Limits, 'leaveMs' | 'drainMs'>;
  readonly logger: Logger;
}

interface Collecting {
  readonly answers: MetricObject[][];
  waiting: number;
  readonly done: () => void;
}

/** The first of N router processes on one port: it serves nothing, starts the others again when they die, and ends them. */
export class RouterCluster {
  readonly #deps: RouterClusterDeps;
  readonly #slots: (RouterProcess | undefined)[];
  readonly #restarts = new Set<NodeJS.Timeout>();
  readonly #collecting = new Map<number, Collecting>();
  #nextId = 0;
  #isStopping = false;

  constructor(routers: number, deps: RouterClusterDeps) {
    this.#deps = deps;
    this.#slots = Array.from({ length: routers }, () => undefined);
  }

  /** Resolves to the shared port when all listen; when one can't, ends all and rejects with its reason. */
  async start(): Promise<number> {
    try {
      const ports = await Promise.all(this.#slots.map((_, slot) => this.#fork(slot, 0)));
      return ports[0] as number;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Each in good order; one that is frozen or hangs is killed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const restart of this.#restarts) clearTimeout(restart);
    const routers = this.#slots.filter((router) => router !== undefined).filter((router) => !router.isDead());
    const gone = routers.map(
      (router) => new Promise<void>((resolve) => router.once('exit', () => resolve())),
    );
    for (const router of routers) tell(router, { type: 'stop' });
    const { leaveMs, drainMs } = this.#deps.limits;
    const late = setTimeout(
      () => {
        for (const router of routers) router.process.kill('SIGKILL');
      },
      leaveMs + drainMs + END_MS,
    );
    await Promise.all(gone);
    clearTimeout(late);
  }

  #fork(slot: number, youngDeaths: number): Promise<number> {
    const startedAtMs = performance.now();
    const router = cluster.fork();
    this.#slots[slot] = router;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    router.once('listening', ({ port }) => resolve(port));
    router.on('message', (message: RouterMessage) => {
      if (message.type === 'failed') reject(new CliError(`router ${slot} can't start: ${message.message}`));
      else this.#onMessage(router, slot, message);
    });
    const onEnd = (end: { code?: number; signal?: string; err?: Error }): void => {
      const why = end.err?.message ?? end.signal ?? end.code;
      reject(new CliError(`router ${slot} ended while starting (${why})`));
      this.#slots[slot] = undefined;
      if (this.#isStopping) return;
      const livedMs = performance.now() - startedAtMs;
      this.#restartLater(slot, livedMs < YOUNG_MS ? youngDeaths + 1 : 0, { ...end, livedMs });
    };
    router.once('exit', (code, signal) => onEnd({ code, signal }));
    router.on('error', (err: Error) => {
      // No process was made: the machine has no memory or descriptors for one, and may have them later.
      if (router.process.pid === undefined) onEnd({ err });
    });
    return promise;
  }

  #restartLater(slot: number, youngDeaths: number, end: object): void {
    const delayMs = youngDeaths === 0 ? 0 : Math.min(MAX_RESTART_MS, 50 * 2 ** youngDeaths);
    this.#deps.logger.error({ router: slot, ...end, delayMs }, 'a router process died; starting it again');
    const restart = setTimeout(() => {
      this.#restarts.delete(restart);
      this.#fork(slot, youngDeaths).catch((error: Error) =>
        this.#deps.logger.error({ err: error, router: slot }, 'a router process did not start'),
      );
    }, delayMs);
    this.#restarts.add(restart);
  }

  #onMessage(router: RouterProcess, slot: number, message: Exclude<RouterMessage, { type: 'failed' }>): void {
    if (message.type === 'metrics') return this.#onMetrics(slot, message);
    void this.#collect().then((text) => tell(router, { type: 'scraped', id: message.id, text }));
  }

  /** Every router's metrics with its number; one that gives none in time is left out of this scrape. */
  async #collect(): Promise<string> {
    const id = this.#nextId++;
    const routers = this.#slots.filter((router) => router !== undefined);
    const { promise, resolve } = Promise.withResolvers<void>();
    const collecting: Collecting = { answers: [], waiting: routers.length, done: resolve };
    this.#collecting.set(id, collecting);
    const late = setTimeout(resolve, COLLECT_MS);
    for (const router of routers) tell(router, { type: 'collect', id });
    await promise;
    clearTimeout(late);
    this.#collecting.delete(id);
    return AggregatorRegistry.aggregate(collecting.answers).metrics();
  }

  #onMetrics(slot: number, { id, metrics }: Extract<RouterMessage, { type: 'metrics' }>): void {
    const collecting = this.#collecting.get(id);
    if (collecting === undefined) return;
    collecting.answers.push(labelled(metrics, { router: slot }));
    if (--collecting.waiting === 0) collecting.done();
  }
}

function tell(router: RouterProcess, command: RouterCommand): void {
  // To a process that is dying this is lost, and its end is told by 'exit'.
  if (router.isConnected()) router.send(command, undefined, () => undefined);
}
