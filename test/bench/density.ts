import { benchCoverage } from './density/coverage.ts';
import { benchResidents } from './density/residents.ts';
import { benchService } from './density/service.ts';
import { benchOne, FULL_SCALE } from './scale.ts';

/** Plans against sessions, in one run: what compiles, what a model costs, and a full registry. */
export async function benchDensity(): Promise<void> {
  await benchCoverage();
  await benchResidents();
  await benchService();
  console.log('');
  await benchOne(FULL_SCALE);
}
