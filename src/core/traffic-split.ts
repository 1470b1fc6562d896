import { hashPoint } from './hash.ts';

/** Which versions of a model serve, and how requests part between them. */
export interface TrafficShare {
  readonly version: string;
  /** 0 to 100; fractions allowed. */
  readonly percent: number;
}

export interface Traffic {
  readonly stable?: string;
  readonly canary?: TrafficShare;
  readonly shadow?: TrafficShare;
}

/**
 * The version for one request. `point` in [0, 1) comes from a hash of the routing key (sticky) or from chance;
 * the canary takes the points below its share, so that growing the share only ever moves requests to it.
 */
export function chooseVersion(traffic: Traffic, point: number): string | undefined {
  const { canary } = traffic;
  if (canary !== undefined && point * 100 < canary.percent) return canary.version;
  return traffic.stable;
}

/**
 * Where a routing key falls in [0, 1): the same key always at the same point of one salt (tenant and model),
 * and independently under another, so that canaries of different models hit different users.
 */
export function stickyPoint(routingKey: string, salt: string): number {
  return hashPoint(routingKey, `traffic ${salt}`);
}

export function isInTraffic(traffic: Traffic, version: string): boolean {
  return (
    traffic.stable === version || traffic.canary?.version === version || traffic.shadow?.version === version
  );
}

/** The traffic after `version` is made stable: it plays no other part then. */
export function withStable(traffic: Traffic, version: string): Traffic {
  const { canary, shadow } = traffic;
  return {
    stable: version,
    ...(canary === undefined || canary.version === version ? {} : { canary }),
    ...(shadow === undefined || shadow.version === version ? {} : { shadow }),
  };
}
