import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { RoutingTable, type SnapshotLoad } from '../../src/router/routing-table.ts';
import { openSqliteRegistry } from '../../src/stores/registry/sqlite.ts';

/**
 * What a routing table of a registry takes, in a process of its own (with --expose-gc): the file's name is the
 * argument, the answer a TableResult by IPC.
 */
export interface TableResult {
  readonly models: number;
  readonly bytesPerModel: number;
  readonly seconds: number;
}

async function measure(file: string): Promise<TableResult> {
  const registry = await openSqliteRegistry(file, DEFAULT_LIMITS);
  const collect = globalThis.gc as () => void;
  collect();
  const before = process.memoryUsage();
  const startedAt = performance.now();
  const table = new RoutingTable();
  let load: SnapshotLoad | undefined;
  for await (const { position, entries } of registry.snapshot()) {
    load ??= table.beginSnapshot(position);
    load.page(entries);
  }
  load?.end();
  const seconds = (performance.now() - startedAt) / 1000;
  collect();
  const after = process.memoryUsage();
  const bytes = after.heapUsed + after.external - before.heapUsed - before.external;
  await registry.close();
  return { models: table.modelCount, bytesPerModel: bytes / table.modelCount, seconds };
}

process.send?.(await measure(process.argv[2] as string));
process.disconnect();
