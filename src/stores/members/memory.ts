import { MemberList } from './member-list.ts';
import type { Announcement, MemberAnnouncer, Members } from './members.ts';

export interface MemoryMembers extends Members, MemberAnnouncer {}

/** The members of one process: whoever starts workers tells it, routers in the same process watch it. No lease ends. */
export function createMemoryMembers(): MemoryMembers {
  const byId = new Map<string, Announcement>();
  const members = new MemberList();
  return {
    list: () => members.list(),
    watch: (onChange) => members.watch(onChange),
    watchDeaths: (onDeath) => members.watchDeaths(onDeath),
    announcements: () => members.announcements(),
    async announce(member) {
      byId.set(member.id, member);
      members.replace(byId.values());
    },
    async leave({ id }) {
      byId.delete(id);
      members.replace(byId.values());
    },
    async died(death) {
      members.tellDeath(death);
    },
  };
}
