import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { S3Calls } from '../../src/stores/objects/s3-calls.ts';
import { S3Objects } from '../../src/stores/objects/s3-objects.ts';
import type { S3Settings } from '../../src/wire/store-settings.ts';
import { registration } from '../contract/registry-support.ts';
import { KeptRedis } from './kept.ts';

/**
 * A manager that commits a registration and never gets to its record. `argv[2]`: the URL of Redis, `argv[3]`: JSON of the
 * S3 settings. Prints ACKNOWLEDGED, then COMMITTED.
 */
const [, , url = '', s3 = ''] = process.argv;
const settings = JSON.parse(s3) as S3Settings;

class Holding extends S3Objects {
  override put(key: string, bytes: Uint8Array): Promise<void> {
    if (!key.includes('/held/')) return super.put(key, bytes);
    process.stdout.write('COMMITTED\n');
    return new Promise(() => undefined);
  }
}

const objects = new Holding(new S3Calls(settings, DEFAULT_LIMITS), settings.bucket, settings.prefix);
const manager = new KeptRedis(url, objects, 'first');
await manager.ready();
await manager.registry.register([registration({ tenant: 'acme', model: 'kept' })]);
process.stdout.write('ACKNOWLEDGED\n');
await manager.registry.register([registration({ tenant: 'acme', model: 'held' })]);
