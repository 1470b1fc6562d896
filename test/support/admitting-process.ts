import { setImmediate } from 'node:timers/promises';
import { makePool } from './admission.ts';
import { endlessLoopModel } from './odd-models.ts';

/** Admits models that never return, on two processes, and prints the processes' ids. */
const { admit, ready, pids } = makePool();
for (let index = 0; index < 12; index++) void admit(endlessLoopModel());
await ready.times(2);
await setImmediate();
process.stdout.write(`${pids.join(' ')}\n`);
