import type { Member, Members } from '../stores/members/members.ts';
import { PlacementCache } from './placement-cache.ts';
import { WorkerClient, type WorkerClientDeps } from './worker-client.ts';

/** A client for every live worker, and the placement that follows from who lives. */
export class Fleet {
  readonly placement = new PlacementCache();
  readonly #members: Members;
  readonly #deps: WorkerClientDeps;
  readonly #clients = new Map<string, WorkerClient>();
  readonly #retiring = new Set<WorkerClient>();
  readonly #waiters = new Set<() => void>();
  readonly #unwatch: () => void;

  constructor(members: Members, deps: WorkerClientDeps) {
    this.#members = members;
    this.#deps = deps;
    this.#unwatch = members.watch((list) => this.#update(list));
    this.#update(members.list());
  }

  members(): readonly Member[] {
    return this.#members.list();
  }

  client(id: string): WorkerClient | undefined {
    return this.#clients.get(id);
  }

  get connected(): number {
    let connected = 0;
    for (const client of this.#clients.values()) if (client.isConnected) connected++;
    return connected;
  }

  get inFlight(): number {
    let inFlight = 0;
    for (const client of this.#clients.values()) inFlight += client.inFlight;
    for (const client of this.#retiring) inFlight += client.inFlight;
    return inFlight;
  }

  /**
   * Resolves when any worker has connected or the membership has changed, after `maxMs` at the latest. False at
   * once when as many wait already as one worker may hold.
   */
  change(maxMs: number): Promise<boolean> {
    if (this.#waiters.size >= this.#deps.limits.workerQueueRequests) return Promise.resolve(false);
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        resolve(true);
      };
      const timer = setTimeout(wake, maxMs);
      this.#waiters.add(wake);
    });
  }

  close(): void {
    this.#unwatch();
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

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }
}
