import { registration } from '../contract/registry-support.ts';
import { openSqliteRegistry } from '../../src/stores/registry/sqlite.ts';

/**
 * Registers without end, several at once, and prints each name once it is acknowledged, or the code of the
 * error. `argv[2]` is the registry's file; `argv[3]` how much config each carries, in bytes.
 */
const registry = await openSqliteRegistry(process.argv[2] as string);
const padding = 'x'.repeat(Number(process.argv[3] ?? 10));
let next = 0;

async function registerOn(): Promise<void> {
  for (;;) {
    const model = `m${process.pid}-${next++}`;
    try {
      await registry.register([registration({ model }, { config: { features: [padding, model] } })]);
      process.stdout.write(`${model}\n`);
    } catch (error) {
      process.stdout.write(`!${String((error as { code?: string }).code)} ${(error as Error).message}\n`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

await Promise.all(Array.from({ length: 8 }, registerOn));
