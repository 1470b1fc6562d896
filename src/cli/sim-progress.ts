import cliProgress from 'cli-progress';
import { formatMix } from '../../sim/workload/mix.ts';
import { print } from './output.ts';
import type { WorkloadOptions } from './sim.ts';

/** Says first what makes the run the same again; on stderr where stdout is for a script. */
export function printSeed({ seed, count, mix, json }: WorkloadOptions): void {
  const line = `seed ${seed}: ${count} models, ${formatMix(mix)}`;
  if (json) process.stderr.write(`${line}\n`);
  else print(line);
}

/** A bar for people, nothing for scripts. */
export function progressBar(
  options: { readonly json: boolean; readonly total: number; readonly format: string },
  payload: Readonly<Record<string, unknown>>,
): cliProgress.SingleBar | undefined {
  if (options.json) return undefined;
  const bar = new cliProgress.SingleBar({
    format: options.format,
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 5_000,
  });
  bar.start(options.total, 0, payload);
  return bar;
}
