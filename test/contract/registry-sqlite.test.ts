import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteRegistry } from '../../src/stores/registry/sqlite.ts';
import { registryContract } from './registry.ts';

registryContract('sqlite', async (limits, now) => {
  const directory = await mkdtemp(join(tmpdir(), 'shoal-registry-'));
  const open = () =>
    openSqliteRegistry(join(directory, 'registry.sqlite'), { ...limits, registryQueueCalls: 1_000 }, now);
  let registry = await open();
  return {
    registry,
    async reopen() {
      await registry.close();
      registry = await open();
      return registry;
    },
    async close() {
      await registry.close();
      await rm(directory, { recursive: true });
    },
  };
});
