import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soak } from '../../soak/soak.ts';

const MIB = 1024 * 1024;

test('a worker that loads and evicts again and again stays within budget and overhead, and gives memory back', async () => {
  // 1,000 loads of 0.7 MB: what was kept of them would be seen.
  const result = await soak({
    loads: 1_000,
    seed: 1,
    budgetBytes: 48 * MIB,
    mix: { linear: 0, 'small-trees': 1, 'large-trees': 0, network: 0 },
    idleTtlMs: 2_000,
    onReport: () => undefined,
  });
  const { highestRssBytes, promisedBytes, beforeBytes, afterBytes, lateGrowthBytes, loads } = result;
  assert.ok(loads >= 1_000);
  assert.ok(highestRssBytes <= promisedBytes, `${highestRssBytes} of ${promisedBytes} bytes`);
  // Were a fifth of each load kept, it would be more.
  assert.ok(lateGrowthBytes < 64 * MIB, `${lateGrowthBytes} bytes more in the second half`);
  assert.ok(afterBytes - beforeBytes < 256 * MIB, `${beforeBytes} bytes before, ${afterBytes} after`);
});
