import { randomBytes } from 'node:crypto';
import { openSqlitePlans } from '../../src/stores/plans/sqlite-plans.ts';
import { aPlan } from '../contract/plans.ts';

/**
 * Puts plans without end, several at once, and prints each digest once it is acknowledged, or the code of the
 * error. `argv[2]` is the store's file; `argv[3]` the size of a plan, in bytes.
 */
const store = await openSqlitePlans(process.argv[2] as string);
const bytes = Number(process.argv[3] ?? 500);

async function putOn(): Promise<void> {
  for (;;) {
    const plan = aPlan(randomBytes(bytes), `structure ${Math.floor(Math.random() * 5)}`);
    try {
      await store.put(plan);
      process.stdout.write(`${plan.digest} ${plan.structureDigest}\n`);
    } catch (error) {
      process.stdout.write(`!${String((error as { code?: string }).code)} ${(error as Error).message}\n`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

await Promise.all(Array.from({ length: 8 }, putOn));
