import cluster, { type Worker as RouterProcess } from 'node:cluster';
import { AggregatorRegistry, type MetricObject } from 'prom-client';
import type { Logger } from 'pino';
import type { RouterCommand, RouterMessage } from '../wire/router-process.ts';

const COLLECT_MS = 1_000;
/** A router that lived at least so long is started again at once. */
const YOUNG_MS = 5_000;
const MAX_RESTART_MS = 5_000;

interface Collecting {
  readonly answers: MetricObject[][];
  waiting: number;
  readonly done: () => void;
}

interface MetricWithValues extends MetricObject {
  values: { labels: Record<string, string | number> }[];
}

/** The first of N router processes on one port: it serves nothing, starts the others again when they die, and ends them. */
export class RouterCluster {
  readonly #logger: Logger;
  readonly #slots: (RouterProcess | undefined)[];
  readonly #restarts = new Set<NodeJS.Timeout>();
  readonly #collecting = new Map<number, Collecting>();
  #nextId = 0;
  #isStopping = false;

  constructor(routers: number, logger: Logger) {
    this.#logger = logger;
    this.#slots = Array.from({ length: routers }, () => undefined);
  }

  /** Resolves to the shared port when all listen; rejects when one ends before. */
  async start(): Promise<number> {
    const ports = await Promise.all(this.#slots.map((_, slot) => this.#fork(slot, 0)));
    return ports[0] as number;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const restart of this.#restarts) clearTimeout(restart);
    const routers = this.#slots.filter((router) => router !== undefined).filter((router) => !router.isDead());
    const gone = routers.map(
      (router) => new Promise<void>((resolve) => router.once('exit', () => resolve())),
    );
    for (const router of routers) tell(router, { type: 'stop' });
    await Promise.all(gone);
  }

  #fork(slot: number, youngDeaths: number): Promise<number> {
    const startedAtMs = performance.now();
    const router = cluster.fork();
    this.#slots[slot] = router;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    router.once('listening', ({ port }) => resolve(port));
    router.on('message', (message: RouterMessage) => this.#onMessage(router, slot, message));
    router.once('exit', (code, signal) => {
      reject(new Error(`router ${slot} ended while starting (${signal ?? code})`));
      this.#slots[slot] = undefined;
      if (this.#isStopping) return;
      const livedMs = performance.now() - startedAtMs;
      this.#restartLater(slot, livedMs < YOUNG_MS ? youngDeaths + 1 : 0, { code, signal, livedMs });
    });
    return promise;
  }

  #restartLater(slot: number, youngDeaths: number, end: object): void {
    const delayMs = youngDeaths === 0 ? 0 : Math.min(MAX_RESTART_MS, 50 * 2 ** youngDeaths);
    this.#logger.error({ router: slot, ...end, delayMs }, 'a router process died; starting it again');
    const restart = setTimeout(() => {
      this.#restarts.delete(restart);
      this.#fork(slot, youngDeaths).catch((error: Error) =>
        this.#logger.error({ err: error, router: slot }, 'a router process did not start'),
      );
    }, delayMs);
    this.#restarts.add(restart);
  }

  #onMessage(router: RouterProcess, slot: number, message: RouterMessage): void {
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
    for (const { values } of metrics as MetricWithValues[])
      for (const value of values) value.labels = { ...value.labels, router: slot };
    collecting.answers.push(metrics);
    if (--collecting.waiting === 0) collecting.done();
  }
}

function tell(router: RouterProcess, command: RouterCommand): void {
  // To a process that is dying this is lost, and its end is told by 'exit'.
  if (router.isConnected()) router.send(command, undefined, () => undefined);
}
