import type { Announcement, Member, Members, WorkerDeath } from './members.ts';
import { Watchers } from './watchers.ts';

/** The members as last known, and who wants to hear of changes and deaths. */
export class MemberList implements Members {
  readonly #watchers = new Watchers<readonly Member[]>();
  readonly #deathWatchers = new Watchers<WorkerDeath>();
  #announcements: readonly Announcement[] = [];
  #list: readonly Member[] = [];

  list(): readonly Member[] {
    return this.#list;
  }

  announcements(): readonly Announcement[] {
    return this.#announcements;
  }

  watch(onChange: (members: readonly Member[]) => void): () => void {
    return this.#watchers.add(onChange);
  }

  watchDeaths(onDeath: (death: WorkerDeath) => void): () => void {
    return this.#deathWatchers.add(onDeath);
  }

  /** In any order; who watches hears only of what differs for routers. */
  replace(announcements: Iterable<Announcement>): void {
    this.#announcements = [...announcements].sort((a, b) => (a.id < b.id ? -1 : 1));
    const list = this.#announcements.map(({ id, address, zone, weight }) => ({ id, address, zone, weight }));
    if (list.length === this.#list.length && list.every((member, index) => isSame(member, this.#list[index])))
      return;
    this.#list = list;
    this.#watchers.tell(list);
  }

  tellDeath(death: WorkerDeath): void {
    this.#deathWatchers.tell(death);
  }
}

function isSame(a: Member, b: Member | undefined): boolean {
  return a.id === b?.id && a.address === b.address && a.zone === b.zone && a.weight === b.weight;
}
