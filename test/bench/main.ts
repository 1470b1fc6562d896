import { availableParallelism, cpus, totalmem } from 'node:os';
import { benchColdS3 } from './cold-s3.ts';
import { benchDensity } from './density.ts';
import { benchFailures } from './failures.ts';
import { benchFleet } from './fleet.ts';
import { benchHot } from './hot.ts';
import { benchKinds } from './kinds.ts';
import { benchLoads } from './loads.ts';
import { benchMemory } from './memory.ts';
import { benchOverload } from './overload.ts';
import { benchPolicies } from './policies.ts';
import { benchPredictions } from './predictions.ts';
import { benchRegistrations } from './registrations.ts';
import { benchRedisRegistry } from './registry-redis.ts';
import { benchScale } from './scale.ts';

/** `npm run bench [-- section]`: each figure is a comparison within this one run. */
const SECTIONS: Readonly<Record<string, () => Promise<void>>> = {
  predictions: benchPredictions,
  kinds: benchKinds,
  loads: benchLoads,
  'cold-s3': benchColdS3,
  registrations: benchRegistrations,
  memory: benchMemory,
  overload: benchOverload,
  failures: benchFailures,
  fleet: benchFleet,
  hot: benchHot,
  policies: benchPolicies,
  scale: benchScale,
  density: benchDensity,
  'redis-registry': benchRedisRegistry,
};

const wanted = process.argv[2];
if (wanted !== undefined && !Object.hasOwn(SECTIONS, wanted)) {
  console.error(`there is no section ${wanted}; there are ${Object.keys(SECTIONS).join(', ')}`);
  process.exit(2);
}
console.log(
  `Node ${process.version}, ${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 1024 ** 3)} GiB\n`,
);
for (const [name, run] of Object.entries(SECTIONS)) if (wanted === undefined || wanted === name) await run();
