import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { Registry as MetricsRegistry } from 'prom-client';
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { createManager, type Manager } from '../../src/manager/manager.ts';
import type { Warm } from '../../src/manager/versions.ts';
import type { ArtifactStore } from '../../src/stores/artifacts/artifacts.ts';
import { openDirectoryArtifacts } from '../../src/stores/artifacts/directory.ts';
import type { PlanStore } from '../../src/stores/plans/plans.ts';
import type { ObjectStore } from '../../src/stores/objects/objects.ts';
import { openSqlitePlans } from '../../src/stores/plans/sqlite-plans.ts';
import type { Registry } from '../../src/stores/registry/registry.ts';
import { openSqliteRegistry } from '../../src/stores/registry/sqlite.ts';

export interface ManagerApp {
  readonly origin: string;
  readonly directory: string;
  /** A directory that file:// uris may name. */
  readonly root: string;
  readonly registry: Registry;
  readonly artifacts: ArtifactStore;
  readonly plans: PlanStore;
  readonly manager: Manager;
  readonly metrics: MetricsRegistry;
  readonly warmed: Parameters<Warm>[];
  close(): Promise<void>;
}

export interface ManagerAppOptions {
  readonly limits?: Partial<Limits>;
  readonly warm?: Warm;
  readonly processes?: number;
  readonly maxResidentBytes?: number;
  /** What s3:// uris are read from, and which of them. */
  readonly s3?: { readonly buckets: (bucket: string) => ObjectStore; readonly allowRoot: string };
}

/** A manager behind the real HTTP frame, on real stores in a directory of its own. */
export async function startManagerApp(options: ManagerAppOptions = {}): Promise<ManagerApp> {
  const directory = await mkdtemp(path.join(tmpdir(), 'shoal-manager-'));
  const root = await mkdtemp(path.join(tmpdir(), 'shoal-root-'));
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const registry = await openSqliteRegistry(path.join(directory, 'registry.sqlite'), limits);
  const artifacts = await openDirectoryArtifacts(path.join(directory, 'artifacts'));
  const plans = await openSqlitePlans(path.join(directory, 'plans.db'));
  const logger = pino({ level: 'silent' });
  const metrics = new MetricsRegistry();
  const warmed: Parameters<Warm>[] = [];
  const manager = createManager({
    registry,
    artifacts,
    plans,
    limits,
    maxResidentBytes: () => options.maxResidentBytes ?? Number.POSITIVE_INFINITY,
    logger,
    metrics,
    allowRoots: options.s3 === undefined ? [root] : [root, options.s3.allowRoot],
    ...(options.s3 === undefined ? {} : { buckets: options.s3.buckets }),
    published: () => Promise.resolve(),
    async warm(...call) {
      warmed.push(call);
      await options.warm?.(...call);
    },
    admissionProcesses: options.processes ?? 2,
  });
  const app = createHttpServer({ limits, logger, metrics, logRequests: false, stopping: () => false });
  await app.register(manager.routes);
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    origin,
    directory,
    root,
    registry,
    artifacts,
    plans,
    manager,
    metrics,
    warmed,
    async close() {
      app.server.closeAllConnections();
      await app.close();
      await manager.close();
      await plans.close();
      await registry.close();
      await rm(directory, { recursive: true });
      await rm(root, { recursive: true });
    },
  };
}

export interface Answered<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

/** One JSON call. */
export async function call<T = Record<string, unknown>>(
  app: Pick<ManagerApp, 'origin'>,
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answered<T>> {
  const answer = await fetch(app.origin + url, {
    method,
    ...(body === undefined
      ? { headers }
      : {
          headers: { 'content-type': 'application/json', ...headers },
          body:
            typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
        }),
  });
  return { status: answer.status, body: (await answer.json()) as T, headers: answer.headers };
}

export interface BulkAnswer {
  readonly line?: number;
  readonly tenant?: string;
  readonly model?: string;
  readonly version?: string;
  readonly status?: 'registered' | 'unchanged' | 'rejected';
  readonly digest?: string;
  readonly revision?: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly summary?: { registered: number; unchanged: number; rejected: number; seconds: number };
}

/** A whole bulk exchange: lines (objects, or text as it is) in, answers out, by line number. */
export async function bulk(
  app: Pick<ManagerApp, 'origin'>,
  lines: Iterable<object | string>,
  query = '',
): Promise<{ answers: Map<number, BulkAnswer>; summary: NonNullable<BulkAnswer['summary']> }> {
  const text = [...lines].map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  const answer = await fetch(`${app.origin}/v1/models:bulkRegister${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: text,
  });
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  return readAnswers(await answer.text());
}

export function readAnswers(text: string): {
  answers: Map<number, BulkAnswer>;
  summary: NonNullable<BulkAnswer['summary']>;
} {
  const answers = new Map<number, BulkAnswer>();
  let summary: BulkAnswer['summary'];
  for (const line of text.trim().split('\n')) {
    const parsed = JSON.parse(line) as BulkAnswer;
    if (parsed.summary === undefined) answers.set(parsed.line ?? -1, parsed);
    else summary = parsed.summary;
  }
  if (summary === undefined) throw new Error(`no summary in ${text.slice(-200)}`);
  return { answers, summary };
}
