import type { Announcement, Member, Members } from '../stores/members/members.ts';
import { mayEject } from '../core/outliers.ts';
import { QueueShares } from '../core/queue-shares.ts';
import { Autopsies } from './autopsies.ts';
import type { Caller } from './caller.ts';
import { Heartbeat } from './heartbeat.ts';
import { HeldModels } from './held-models.ts';
import { PlacementCache } from './placement-cache.ts';
import { StoreFailures } from './store-failures.ts';
import { WorkerClient, type WorkerClientDeps } from './worker-client.ts';

/** A client for every live worker, and the placement that follows from who lives. */
export class Fleet {
  readonly placement = new PlacementCache();
  readonly storeFailures = new StoreFailures();
  readonly autopsies: Autopsies;
  readonly held: HeldModels<WorkerClient>;
  /** Requests that no worker has: those of their shard are away. */
  readonly homeless: QueueShares;
  readonly #members: Members;
  readonly #deps: WorkerClientDeps;
  readonly #clients = new Map<string, WorkerClient>();
  readonly #retiring = new Set<WorkerClient>();
  readonly #waiters = new Set<() => void>();
  readonly #unwatch: () => void;
  readonly #heartbeat: Heartbeat;

  constructor(members: Members, deps: Omit<WorkerClientDeps, 'held' | 'mayEject'>) {
    const { limits } = deps;
    this.#members = members;
    this.autopsies = new Autopsies(members, deps);
    this.held = new HeldModels(limits.heldModels);
    this.#deps = {
      ...deps,
      held: this.held,
      mayEject: () => mayEject(this.#clients.size, this.ejected, limits),
    };
    this.homeless = new QueueShares({
      requests: limits.workerQueueRequests,
      bytes: limits.workerQueueBytes,
    });
    this.#unwatch = members.watch((list) => this.#update(list));
    this.#update(members.list());
    this.#heartbeat = new Heartbeat({
      clients: () => [...this.#clients.values(), ...this.#retiring],
      limits,
      now: deps.now,
    });
  }

  members(): readonly Member[] {
    return this.#members.list();
  }

  announcement(id: string): Announcement | undefined {
    return this.#members.announcements().find((one) => one.id === id);
  }

  client(id: string): WorkerClient | undefined {
    return this.#clients.get(id);
  }

  get connected(): number {
    return this.#count(({ isConnected }) => isConnected);
  }

  get silent(): number {
    return this.#count(({ isConnected, health }) => isConnected && health.isSilent);
  }

  get ejected(): number {
    return this.#count(({ health }) => health.isEjected);
  }

  get known(): number {
    return this.#clients.size;
  }

  get inFlight(): number {
    let inFlight = 0;
    for (const client of this.#clients.values()) inFlight += client.inFlight;
    for (const client of this.#retiring) inFlight += client.inFlight;
    return inFlight;
  }

  /**
   * Resolves when any worker has connected or the membership has changed, when the caller has gone, and after
   * `maxMs` at the latest.
   */
  change(maxMs: number, caller?: Caller): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        if (caller !== undefined) caller.onGone = undefined;
        resolve();
      };
      const timer = setTimeout(wake, maxMs);
      this.#waiters.add(wake);
      if (caller !== undefined) caller.onGone = wake;
    });
  }

  close(): void {
    this.#unwatch();
    this.#heartbeat.stop();
    this.autopsies.close();
    for (const client of [...this.#clients.values(), ...this.#retiring]) client.close();
    this.#clients.clear();
    this.#retiring.clear();
    this.#wake();
  }

  #update(list: readonly Member[]): void {
    const byId = new Map(list.map((member) => [member.id, member]));
    for (const [id, client] of this.#clients) {
      if (byId.get(id)?.address === client.member.address) continue;
      this.#clients.delete(id);
      this.#retire(client);
    }
    for (const member of list) {
      if (this.#clients.has(member.id)) continue;
      this.#clients.set(member.id, new WorkerClient(member, this.#deps, () => this.#wake()));
    }
    this.placement.setMembers(list);
    this.#wake();
  }

  /** Lets what is under way end; every request has a deadline, so this does too. */
  #retire(client: WorkerClient): void {
    this.#retiring.add(client);
    client.closeWhenIdle(() => this.#retiring.delete(client));
  }

  #count(isCounted: (client: WorkerClient) => boolean): number {
    let count = 0;
    for (const client of this.#clients.values()) if (isCounted(client)) count++;
    return count;
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }
}
