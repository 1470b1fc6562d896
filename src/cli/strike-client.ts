import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { request } from 'undici';
import type { Limits } from '../core/limits.ts';
import type { LeaderWatch } from '../stores/leader/leader.ts';
import { STRIKES_PATH, type StrikesAnswer } from '../wire/strikes.ts';
import type { WorkerFleetDeps } from './worker-fleet.ts';

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;

export interface StrikeClientDeps {
  readonly leader: Pick<LeaderWatch, 'current'>;
  /** The fleet's. */
  readonly token: string;
  readonly limits: Pick<Limits, 'strikeCallMs' | 'strikeTellMs'>;
  readonly logger: Logger;
}

/**
 * Tells the leading manager of crashes, whichever it is, and again until it is told, for `strikeTellMs`; once the
 * fleet stops, once more at most. Never rejects.
 */
export function strikeClient(deps: StrikeClientDeps): WorkerFleetDeps['strike'] {
  const { limits, logger } = deps;
  return async (crash, blamed, stopping) => {
    const body = JSON.stringify({ crash, blamed });
    const deadlineMs = performance.now() + limits.strikeTellMs;
    for (let tries = 1; ; tries++) {
      const isLast = stopping.aborted || performance.now() >= deadlineMs;
      try {
        return await tell(deps, body);
      } catch (error) {
        const keys = blamed.map(({ key }) => key);
        if (isLast || error instanceof Refused) {
          logger.error(
            { err: error, keys },
            'the strikes of a crash could not be told to a manager and are lost',
          );
          return [];
        }
        logger.warn({ err: error, keys, tries }, 'the strikes of a crash can not be told to a manager yet');
      }
      // Apart from others who lost the same manager.
      const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries) * (0.5 + Math.random() / 2);
      await sleep(pauseMs, undefined, { signal: stopping, ref: false }).catch(() => undefined);
    }
  };
}

/** The same request would be refused again. */
class Refused extends Error {}

async function tell({ leader, token, limits }: StrikeClientDeps, text: string): Promise<readonly string[]> {
  const address = leader.current()?.address;
  if (address === undefined) throw new Error('no manager leads, as far as is known');
  const { statusCode, body } = await request(`${address}${STRIKES_PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: text,
    signal: AbortSignal.timeout(limits.strikeCallMs),
  });
  const answer = await body.text();
  if (statusCode === 200) return (JSON.parse(answer) as StrikesAnswer).guilty;
  const told = `the manager at ${address} answered ${statusCode}: ${answer.slice(0, 500)}`;
  throw statusCode === 400 || statusCode === 401 ? new Refused(told) : new Error(told);
}
