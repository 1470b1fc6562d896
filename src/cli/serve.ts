import type { Running } from './compose/serving.ts';
import { EXIT } from './exit.ts';

export interface Stop {
  readonly first: Promise<void>;
  readonly second: Promise<void>;
}

/** The first SIGINT or SIGTERM stops in good order, the second at once. */
export function stopSignals(): Stop {
  let count = 0;
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const onSignal = (): void => {
    count++;
    (count === 1 ? first : second).resolve();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return { first: first.promise, second: second.promise };
}

/** Starts, tells that it is ready, and ends in good order when it is to stop, even while it is starting. */
export async function serve<R extends Running>(
  start: () => Promise<R>,
  onReady: (running: R, stopped: Promise<void>) => Promise<void> | void,
  stop: Stop,
): Promise<number> {
  // A second signal doesn't wait, whatever is under way; processes that this one started die with it.
  void stop.second.then(() => process.exit(130));
  const stopped = stop.first.then(() => 'stopped' as const);
  const starting = start();
  if ((await Promise.race([starting, stopped])) === 'stopped') {
    await (await starting).stop();
    return EXIT.ok;
  }
  const running = await starting;
  try {
    await onReady(running, stop.first);
    await stopped;
  } finally {
    await running.stop();
  }
  return EXIT.ok;
}
