import { existsSync } from 'node:fs';
import { ShoalError } from '../../core/errors.ts';
import type { Digest } from '../../core/ids.ts';
import { errorOf, failureOf } from '../sqlite/failure.ts';
import { openSqliteReader } from '../sqlite/file.ts';
import { Statements } from '../sqlite/statements.ts';
import { digestBytes, hasDigest } from './digest-bytes.ts';
import type { PlanReader } from './plans.ts';
import { PLANS_FILE, SELECT_PLAN, SELECT_STRUCTURE } from './plans-file.ts';

/** Reads in the caller's own thread, beside whichever process writes. The file may come later. */
export function openPlanReader(file: string): PlanReader {
  let database: Statements | undefined;
  let isClosed = false;

  const read = (what: string, query: string, digest: Digest): Uint8Array | undefined => {
    if (isClosed) throw new Error('the plan reader is closed');
    let bytes: Uint8Array | undefined;
    const key = digestBytes(digest);
    try {
      if (database === undefined && !existsSync(file)) return undefined;
      database ??= new Statements(openSqliteReader(file, PLANS_FILE));
      bytes = database.sql(query).get(key)?.['bytes'] as Uint8Array | undefined;
    } catch (error) {
      throw errorOf(PLANS_FILE.store, failureOf(PLANS_FILE.store, error));
    }
    if (bytes === undefined || hasDigest(bytes, key)) return bytes;
    throw new ShoalError(
      'STORE_UNAVAILABLE',
      `${what} ${digest} is corrupt in the store; pushing its version again repairs it`,
    );
  };

  return {
    read: (digest) => read('plan', SELECT_PLAN, digest),
    readStructure: (digest) => read('plan structure', SELECT_STRUCTURE, digest),
    close() {
      isClosed = true;
      database?.db.close();
      database = undefined;
    },
  };
}
