import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { Logger } from 'pino';
import type { Registry as MetricsRegistry } from 'prom-client';
import type { Limits } from '../../core/limits.ts';
import { addOperations } from '../../http/operations.ts';
import { createHttpServer } from '../../http/server.ts';
import { CliError, EXIT } from '../exit.ts';
import { PRODUCT_VERSION } from '../product-version.ts';

export interface ServingSettings {
  readonly host: string;
  readonly port: number;
  readonly limits: Limits;
  readonly logger: Logger;
  readonly logRequests: boolean;
}

export interface ServedParts {
  readonly metrics: MetricsRegistry;
  readonly routes: readonly FastifyPluginAsync[];
  /** Undefined when the process can serve, else what is missing. */
  readonly notReady: () => string | undefined;
  readonly scrape: () => Promise<string>;
}

/** A process that serves HTTP until it is stopped. */
export interface Running {
  readonly origin: string;
  /** Tells the others that it leaves, goes on serving for `limits.leaveMs`, ends what is under way, then all of itself. */
  stop(): Promise<void>;
}

/** The HTTP server of one process, whatever its roles. */
export class Serving {
  readonly #app: FastifyInstance;
  readonly #settings: ServingSettings;
  #state: 'serving' | 'leaving' | 'stopping' = 'serving';

  private constructor(settings: ServingSettings, metrics: MetricsRegistry) {
    this.#settings = settings;
    this.#app = createHttpServer({ ...settings, metrics, stopping: () => this.#state === 'stopping' });
  }

  static async open(settings: ServingSettings, parts: ServedParts): Promise<Serving> {
    const serving = new Serving(settings, parts.metrics);
    const app = serving.#app;
    const notReady = (): string | undefined =>
      serving.#state === 'serving' ? parts.notReady() : 'this process is leaving; requests go to others';
    await addOperations(app, { productVersion: PRODUCT_VERSION, notReady, scrape: parts.scrape });
    for (const routes of parts.routes) await app.register(routes);
    return serving;
  }

  async listen(): Promise<string> {
    const { host, port } = this.#settings;
    try {
      return await this.#app.listen({ host, port });
    } catch (error) {
      throw new CliError(`can't listen on ${host}:${port}: ${(error as Error).message}`, EXIT.refused, error);
    }
  }

  /** Not ready from now on: whoever spreads requests has so long to notice before they are refused. */
  async leave(): Promise<void> {
    this.#state = 'leaving';
    await pause(this.#settings.limits.leaveMs);
    this.#state = 'stopping';
  }

  /** Running requests get `drainMs`; after that their connections are cut. */
  async close(): Promise<void> {
    this.#state = 'stopping';
    const cut = setTimeout(() => this.#app.server.closeAllConnections(), this.#settings.limits.drainMs);
    await this.#app.close();
    clearTimeout(cut);
  }
}
