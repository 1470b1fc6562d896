import { ShoalError } from '../../core/errors.ts';

/** First words of replies that tell of a state of Redis and not of a mistake in what it was asked. */
const STATES: Readonly<Record<string, string>> = {
  NOAUTH: 'it asks for a password',
  WRONGPASS: 'it refuses the user or password',
  NOPERM: 'its user has no permission',
  LOADING: 'it is still loading its data',
  READONLY: 'it is a replica, and takes no changes',
  MISCONF: 'it can not save to its disk, and takes no changes',
  OOM: 'it has no memory left',
  BUSY: 'a script blocks it',
  MASTERDOWN: 'its master is gone',
  NOREPLICAS: 'it has too few replicas to take changes',
  CLUSTERDOWN: 'the cluster has lost some of its slots',
  TRYAGAIN: 'slots of the cluster are on the move',
  MOVED: 'slots of the cluster are on the move',
  ASK: 'slots of the cluster are on the move',
  UNBLOCKED: 'it has changed its role',
};

/**
 * What a call to Redis threw as STORE_UNAVAILABLE, or as it is when it is a bug (a script that fails). Without a cause:
 * the client's errors carry the command, and with it perhaps a password.
 */
export function redisFailure(where: string, what: string, error: unknown): Error {
  if (error instanceof ShoalError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && error.name === 'ReplyError') {
    const reason = STATES[/^-?[A-Z]+/.exec(text)?.[0] ?? ''];
    if (reason === undefined) return new Error(`${where}, ${what}: ${text}`);
    return unavailable(where, reason);
  }
  return unavailable(where, connectionTrouble(error));
}

/** What became of a connection, in words for someone who has to do something about it. */
export function connectionTrouble(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const state = STATES[/^-?[A-Z]+/.exec(text)?.[0] ?? ''];
  if (state !== undefined) return state;
  const isLost = text === '' || (error instanceof Error && error.name === 'MaxRetriesPerRequestError');
  return isLost ? 'the connection was lost' : text;
}

export function unavailable(where: string, why: string): ShoalError {
  return new ShoalError('STORE_UNAVAILABLE', `${where}: ${why}`);
}
