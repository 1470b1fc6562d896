import { ShoalError } from '../../core/errors.ts';
import { Gather } from '../../core/gather.ts';
import type { Digest } from '../../core/ids.ts';
import { DEFAULT_LIMITS } from '../../core/limits.ts';
import { SqliteThread } from '../sqlite/thread.ts';
import type { PlanChange, PlanOperations } from './plan-tables.ts';
import type { ListedPlan, PlanStore, StoredPlan } from './plans.ts';
import { PLANS_FILE } from './plans-file.ts';

const GROUP_CHANGES = 256;
const PAGE_PLANS = 1_000;

/**
 * Plans in one SQLite file; a second process may read (plan-reader.ts). A file that is damaged or foreign is refused:
 * STORE_UNAVAILABLE. `now`: milliseconds since 1970.
 */
export async function openSqlitePlans(
  file: string,
  queueCalls: number = DEFAULT_LIMITS.registryQueueCalls,
  now: () => number = Date.now,
): Promise<PlanStore> {
  const program = new URL('./plans-thread.ts', import.meta.url);
  const thread = new SqliteThread({ store: PLANS_FILE.store, program, workerData: file, queueCalls });
  try {
    // The thread opens the file with its first call.
    await thread.call('list', [undefined, 1]);
    return new SqlitePlans(thread, queueCalls, now);
  } catch (error) {
    await thread.end();
    throw error;
  }
}

class SqlitePlans implements PlanStore {
  readonly #thread: SqliteThread;
  readonly #changes: Gather<PlanChange, boolean>;
  #closed = false;

  constructor(thread: SqliteThread, queueCalls: number, now: () => number) {
    this.#thread = thread;
    const groups = {
      maxItems: GROUP_CHANGES,
      maxWaiting: queueCalls,
      full: (waiting: number) =>
        new ShoalError('STORE_UNAVAILABLE', `${PLANS_FILE.store}: ${waiting} changes are waiting already`),
    };
    this.#changes = new Gather(groups, (changes) => this.#call('change', changes, now()));
  }

  async put(plan: StoredPlan): Promise<void> {
    await this.#change({ kind: 'put', plan });
  }

  holds(digest: Digest): Promise<boolean> {
    return this.#change({ kind: 'hold', digest });
  }

  delete(digest: Digest, unusedMs: number): Promise<boolean> {
    return this.#change({ kind: 'delete', digest, unusedMs });
  }

  async *list(): AsyncGenerator<ListedPlan> {
    let after: Digest | undefined;
    for (;;) {
      const page = await this.#call('list', after, PAGE_PLANS);
      yield* page;
      if (page.length < PAGE_PLANS) return;
      after = page.at(-1)?.digest;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#thread.call('close', []);
    } finally {
      await this.#thread.end();
    }
  }

  async #change(change: PlanChange): Promise<boolean> {
    const [outcome] = await this.#changes.add([change]);
    return outcome === true;
  }

  async #call<K extends keyof PlanOperations>(
    operation: K,
    ...args: Parameters<PlanOperations[K]>
  ): Promise<ReturnType<PlanOperations[K]>> {
    if (this.#closed) throw new ShoalError('SHUTTING_DOWN', `the ${PLANS_FILE.store} is closed`);
    return (await this.#thread.call(operation, args)) as ReturnType<PlanOperations[K]>;
  }
}
