import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { admissionTest } from '../../src/manager/admission-test.ts';
import { ArtifactMaker } from '../models/artifacts.ts';
import { configOf } from '../workload/config.ts';
import { allStructures } from '../workload/workload.ts';

/**
 * What a model of each structure costs by the admission test, whose figures are what a worker counts with: prints
 * the table of `costs.ts`. One process a structure, the middle of several different models. Run it by hand on a
 * quiet machine: `sh src/node24.sh sim/residency/measure-costs.ts`.
 */
const [wanted] = process.argv.slice(2);
const MODELS = 9;
if (wanted === undefined) {
  for (const { name } of allStructures()) {
    const [code] = (await once(fork(fileURLToPath(import.meta.url), [name]), 'exit')) as [number];
    if (code !== 0) throw new Error(`measuring ${name} ended with exit code ${code}`);
  }
} else await measure(wanted);

/** The policies are compared by what sessions cost, which differ more than plans do. */
const SESSIONS_ONLY = 1;

async function measure(name: string): Promise<void> {
  const structure = allStructures().find((one) => one.name === name);
  if (structure === undefined) throw new Error(`no structure is named ${name}`);
  const maker = new ArtifactMaker(1);
  const bytes: number[] = [];
  const micros: number[] = [];
  // The first one pays for the library's own start.
  for (let number = 0; number <= MODELS; number++) {
    const found = await admissionTest(maker.make({ structure, number }), configOf(structure), SESSIONS_ONLY);
    if (number === 0) continue;
    bytes.push(found.residentBytes);
    micros.push(found.loadMs * 1_000);
  }
  console.log(`  ${name}: { residentBytes: ${middle(bytes)}, loadUs: ${middle(micros)} },`);
}

function middle(values: number[]): number {
  return Math.round(values.sort((a, b) => a - b)[values.length >> 1] as number);
}
