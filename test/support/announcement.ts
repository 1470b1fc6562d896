import type { Announcement, Member } from '../../src/stores/members/members.ts';

/** What an idle worker would say of itself. */
export function announcementOf(member: Member): Announcement {
  return {
    ...member,
    lanes: 1,
    budgetBytes: 1024 * 1024,
    load: { residentBytes: 0, residentModels: 0, queuedRequests: 0, queueDelayUs: 0 },
  };
}
