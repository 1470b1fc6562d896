/**
 * What page after page of a store gives, from `first` on. The next page is read while the caller is at the one before.
 * `next` undefined: it is the last.
 */
export async function* pagesOf<Cursor, Rows>(
  first: Cursor,
  read: (after: Cursor) => Promise<{ readonly rows: Rows; readonly next: Cursor | undefined }>,
): AsyncGenerator<Rows> {
  let reading: ReturnType<typeof read> | undefined = read(first);
  while (reading !== undefined) {
    const { rows, next }: Awaited<ReturnType<typeof read>> = await reading;
    reading = next === undefined ? undefined : read(next);
    // A caller that stops here, or throws, leaves it unread.
    reading?.catch(() => undefined);
    yield rows;
  }
}
