import type { Life } from './copy.ts';
import type { Departure } from './history.ts';
import type { VersionFacts } from './model-history.ts';

const HOUR_MS = 3_600_000;
const UNITS = [
  { ms: HOUR_MS, name: 'h' },
  { ms: 60_000, name: 'min' },
  { ms: 1_000, name: 's' },
];

/** What it would take for a version to stay, or to stay longer, in words. Names no other model. */
export function adviceOn(facts: VersionFacts): string {
  const { copy, departure } = facts;
  const gone = departure === undefined ? '' : departureAdvice(departure, facts);
  if (copy === undefined) return gone;
  const now = copyAdvice(copy, facts);
  return gone === '' ? now : `${now} Before: ${gone}`;
}

function copyAdvice(copy: Life, { pinnedUntilMs, idleTtlMs, iso }: VersionFacts): string {
  if (copy.state === 'waiting') return 'It waits in line to be loaded.';
  if (copy.state === 'loading') return 'It is being loaded.';
  if (copy.state === 'leaving') return 'It is being released.';
  if (pinnedUntilMs !== undefined)
    return `It is pinned until ${iso(pinnedUntilMs)}: it stays whatever needs room.`;
  const idle =
    idleTtlMs === undefined
      ? ''
      : `, or until nobody has asked for it for ${duration(idleTtlMs)} (--idle-ttl)`;
  return `It stays until a load needs its room and nothing less wanted is there${idle}; minCopies of the model keeps it in any case.`;
}

function departureAdvice(departure: Departure, facts: VersionFacts): string {
  const { lastUsedMs, leftMs, loadedMs, uses, reason, forBytes } = departure;
  const idleMs = leftMs - lastUsedMs;
  if (reason === 'idle') {
    const ttl = facts.idleTtlMs === undefined ? '' : ` of ${duration(facts.idleTtlMs)}`;
    return `Nobody had asked for it for ${duration(idleMs)}. A longer --idle-ttl than the one${ttl}, a request more often than that, or minCopies of the model would have kept it.`;
  }
  const evictedBytes = departure.evictedBytesAtReturn ?? facts.evictedBytes;
  const moreBytes = evictedBytes - departure.evictedBytesBefore;
  const until = departure.evictedBytesAtReturn === undefined ? 'until now' : 'until it was asked for again';
  const excess =
    reason === 'excess' ? ' (the process takes more memory than its models are counted for)' : '';
  const hadPerHour = (uses * HOUR_MS) / Math.max(1_000, leftMs - loadedMs);
  // Of a model that left within a second its requests say nothing.
  const requests =
    idleMs < 1_000
      ? ''
      : `, or requests about every ${duration(idleMs)} (${count(HOUR_MS / idleMs)} an hour; it had ${count(hadPerHour)})`;
  return (
    `A load of ${forBytes} bytes needed room${excess}, and it had not been asked for for ${duration(idleMs)}. ` +
    `To stay ${until} it would have taken at most ${moreBytes} bytes more of budget (--memory)${requests}, ` +
    'or minCopies of the model.'
  );
}

/** To two figures: `340 ms`, `34 s`, `3.4 min`, `12 h`. */
function duration(ms: number): string {
  const unit = UNITS.find((one) => ms >= one.ms);
  return unit === undefined ? `${Math.round(ms)} ms` : `${count(ms / unit.ms)} ${unit.name}`;
}

function count(value: number): string {
  return value < 10 ? String(Number(value.toFixed(1))) : String(Math.round(value));
}
