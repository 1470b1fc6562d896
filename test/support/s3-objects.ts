import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { ObjectStore } from '../../src/stores/objects/objects.ts';
import { S3Calls } from '../../src/stores/objects/s3-calls.ts';
import { S3Objects } from '../../src/stores/objects/s3-objects.ts';
import type { S3Server } from './s3-server.ts';

/** Below a prefix that no other call gave, so that tests can share a server. */
export function freshObjects(server: S3Server): { objects: ObjectStore; prefix: string; close: () => void } {
  const prefix = `fresh-${++count}`;
  const calls = new S3Calls(server.settings(), DEFAULT_LIMITS);
  return {
    prefix,
    objects: new S3Objects(calls, server.settings().bucket, prefix),
    close: () => calls.close(),
  };
}

let count = 0;
