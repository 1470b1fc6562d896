import type { Member, Members, WorkerDeath } from './members.ts';

export interface MemoryMembers extends Members {
  /** Adds a member or replaces the one of its id. */
  set(member: Member): void;
  remove(id: string): void;
  /** Tells of a death; the member stays until it is removed. */
  died(death: WorkerDeath): void;
}

/** The members of one process: whoever starts workers tells it, routers in the same process watch it. */
export function createMemoryMembers(): MemoryMembers {
  const byId = new Map<string, Member>();
  const watchers = new Set<(members: readonly Member[]) => void>();
  const deathWatchers = new Set<(death: WorkerDeath) => void>();
  let list: readonly Member[] = [];

  function changed(): void {
    list = [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const watcher of watchers) watcher(list);
  }

  return {
    list: () => list,
    watch(onChange) {
      // A function of our own, so that one callback given twice is two watches.
      const watcher = (members: readonly Member[]): void => onChange(members);
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    watchDeaths(onDeath) {
      const watcher = (death: WorkerDeath): void => onDeath(death);
      deathWatchers.add(watcher);
      return () => deathWatchers.delete(watcher);
    },
    set(member) {
      byId.set(member.id, member);
      changed();
    },
    remove(id) {
      if (byId.delete(id)) changed();
    },
    died(death) {
      for (const watcher of deathWatchers) watcher(death);
    },
  };
}
