import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { workerData } from 'node:worker_threads';
import { LIFELINE_FD, OVER_MEMORY, VERDICT_FD } from '../wire/admission.ts';

/**
 * A thread beside the one that loads and runs, which a hostile model may block for ever: kills the process
 * when the manager is gone, or when it has grown beyond what one test may take.
 */
const POLL_MS = 20;

/** What the resident set may reach, in bytes; 0 while nothing is under test. */
const ceilingBytes = new Float64Array(workerData as SharedArrayBuffer);

const lifeline = new Socket({ fd: LIFELINE_FD, readable: true, writable: false });
lifeline.on('close', die);
lifeline.on('error', die);
lifeline.resume();

setInterval(() => {
  const ceiling = ceilingBytes[0] ?? 0;
  if (ceiling === 0 || process.memoryUsage.rss() <= ceiling) return;
  writeSync(VERDICT_FD, OVER_MEMORY);
  die();
}, POLL_MS);

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}
