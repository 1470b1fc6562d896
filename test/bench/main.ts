import { availableParallelism, cpus, totalmem } from 'node:os';
import { benchPredictions } from './predictions.ts';
import { benchRegistrations } from './registrations.ts';

/** `npm run bench [predictions|registrations]`: each figure is a comparison within this one run. */
const wanted = process.argv[2];
console.log(
  `Node ${process.version}, ${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 1024 ** 3)} GiB\n`,
);
if (wanted === undefined || wanted === 'predictions') await benchPredictions();
if (wanted === undefined || wanted === 'registrations') await benchRegistrations();
