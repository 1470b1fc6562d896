import type { Candidate, Leader } from './leader.ts';

/** Of the one manager on embedded stores: it leads always. */
export function alwaysLeader(address: string): Candidate {
  const leader: Leader = { id: 'only', address, term: 1 };
  return {
    id: leader.id,
    current: () => leader,
    fence: () => ({ leader: leader.id, term: leader.term }),
    watch: () => () => undefined,
    close: () => Promise.resolve(),
  };
}
