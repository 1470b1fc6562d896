/** The first SIGINT or SIGTERM stops in good order, the second at once. */
export function stopSignals(): { readonly first: Promise<void>; readonly second: Promise<void> } {
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
