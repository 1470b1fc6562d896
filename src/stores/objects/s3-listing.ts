import type { _Object, ListObjectsV2CommandInput, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { ShoalError } from '../../core/errors.ts';
import type { ListedObject } from './objects.ts';

export interface Listed {
  /** What keys are shown without. */
  readonly prefix: string;
  /** For messages. */
  readonly where: string;
  readonly ask: (given: Omit<ListObjectsV2CommandInput, 'Bucket'>) => Promise<ListObjectsV2CommandOutput>;
}

/** All objects of a server, or STORE_UNAVAILABLE: what is missing from a listing would be taken for gone. */
export async function* listObjects(
  listed: Listed,
  prefix: string,
  startAfter?: string,
): AsyncGenerator<readonly ListedObject[]> {
  let after = startAfter === undefined ? undefined : listed.prefix + startAfter;
  for (;;) {
    const { found, isLast } = await pageOf(listed, prefix, after);
    if (found.length === 0) return;
    const keys = found.map(({ Key = '' }) => Key);
    if (!areInOrder(after === undefined ? keys : [after, ...keys]))
      throw wrong(listed, 'it does not list objects in the order of their keys, which Shoal needs');
    yield found.map(({ Key = '', Size = 0, LastModified }) => ({
      key: Key.slice(listed.prefix.length),
      bytes: Size,
      modifiedMs: LastModified?.getTime() ?? 0,
    }));
    if (isLast) return;
    after = keys.at(-1);
  }
}

/**
 * By the last key and not by a token, so that a walk can go on after anything. A server may answer none and say that
 * there are more all the same.
 */
async function pageOf(
  listed: Listed,
  prefix: string,
  after: string | undefined,
): Promise<{ found: readonly _Object[]; isLast: boolean }> {
  const start = after === undefined ? {} : { StartAfter: after };
  for (let token = {}; ; ) {
    const page = await listed.ask({ Prefix: listed.prefix + prefix, ...start, ...token });
    const { Contents = [], IsTruncated, NextContinuationToken } = page;
    const isLast = IsTruncated !== true;
    if (isLast || Contents.length > 0) return { found: Contents, isLast };
    if (NextContinuationToken === undefined) throw wrong(listed, `a listing of ${prefix} was cut off`);
    token = { ContinuationToken: NextContinuationToken };
  }
}

function areInOrder(keys: readonly string[]): boolean {
  return keys.every((key, index) => index === 0 || isBefore(keys[index - 1] as string, key));
}

/** By bytes, in which characters beyond the sixteenth bit come after the others. */
function isBefore(a: string, b: string): boolean {
  return a < b ? true : Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
}

function wrong({ where }: Listed, why: string): ShoalError {
  return new ShoalError('STORE_UNAVAILABLE', `the object store ${where}: ${why}`);
}
