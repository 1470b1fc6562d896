import type { Logger } from 'pino';
import type { Registry as MetricsRegistry } from 'prom-client';
import type { Limits } from '../../core/limits.ts';
import type { LeaderWatch, StandingCandidate } from '../../stores/leader/leader.ts';
import { type LeaderDeps, redisCandidate, watchRedisLeader } from '../../stores/leader/redis.ts';
import { type RedisMembers, watchRedisMembers } from '../../stores/members/redis.ts';
import { connectRedis, type RedisConnection } from '../../stores/redis/connection.ts';
import type { RedisSettings } from '../../stores/redis/settings.ts';
import { gauge } from '../../telemetry/gauge.ts';

export interface MeetingSettings {
  readonly redis: RedisSettings;
  readonly limits: Limits;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
}

/** Where the processes of a fleet find each other. */
export interface Meeting {
  readonly redis: RedisConnection;
  readonly members: RedisMembers;
}

export function openMeeting(settings: MeetingSettings, stack: AsyncDisposableStack): Meeting {
  const { limits, logger, metrics } = settings;
  const redis = connectRedis(settings.redis, limits);
  stack.defer(() => redis.close());
  const members = watchRedisMembers({ redis, limits, logger, now });
  stack.defer(() => members.close());
  gauge(metrics, 'shoal_members', 'Workers that this process takes for live.', () => members.list().length);
  gauge(
    metrics,
    'shoal_members_age_seconds',
    'Since the store of members last answered.',
    () => members.ageMs() / 1_000,
  );
  return { redis, members };
}

export function watchLeader(
  meeting: Meeting,
  { limits, logger, metrics }: MeetingSettings,
  stack: AsyncDisposableStack,
): LeaderWatch {
  const leader = watchRedisLeader(leaderDeps(meeting, limits, logger));
  stack.defer(() => leader.close());
  tellLeader(metrics, leader);
  return leader;
}

/** It stands once it is told where the others reach this manager. */
export function openCandidate(
  meeting: Meeting,
  { limits, logger, metrics }: MeetingSettings,
  id: string,
  stack: AsyncDisposableStack,
): StandingCandidate {
  const candidate = redisCandidate(leaderDeps(meeting, limits, logger), id);
  stack.defer(() => candidate.close());
  tellLeader(metrics, candidate);
  return candidate;
}

function leaderDeps({ redis, members }: Meeting, limits: Limits, logger: Logger): LeaderDeps {
  const news = (onNews: () => void) => members.watchLead(onNews);
  return { redis, limits, logger, now, random: Math.random, news };
}

function tellLeader(metrics: MetricsRegistry, leader: LeaderWatch): void {
  gauge(metrics, 'shoal_leader_known', '1 while this process knows of a leading manager.', () =>
    leader.current() === undefined ? 0 : 1,
  );
}

function now(): number {
  return performance.now();
}
