import assert from 'node:assert/strict';
import cluster, { type Worker as RouterProcess } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { it } from 'node:test';
import { pino } from 'pino';
import { RouterCluster } from '../../../src/cli/router-cluster.ts';
import { Happening } from '../../support/happening.ts';

/** Of a process that is there, or that could not be made. */
function processOf(pid: number | undefined): RouterProcess & EventEmitter {
  const parts = { process: { pid, kill: () => true }, isConnected: () => false, isDead: () => false };
  return Object.assign(new EventEmitter(), parts) as unknown as RouterProcess & EventEmitter;
}

it('a router that can not be started again now, as the machine has no room for a process, is started later', async (t) => {
  const first = processOf(1);
  const never = processOf(undefined);
  const third = processOf(3);
  const made = new Happening();
  const left = [first, never, third];
  t.mock.method(cluster, 'fork', () => {
    made.happen();
    return left.shift();
  });
  const routers = new RouterCluster(1, {
    limits: { leaveMs: 1, drainMs: 1 },
    logger: pino({ level: 'silent' }),
  });
  const started = routers.start();
  first.emit('listening', { port: 8080 });
  assert.equal(await started, 8080);
  first.emit('exit', 1, null);
  await made.times(2);
  never.emit('error', new Error('spawn EAGAIN'));
  await made.times(3);
  const stopped = routers.stop();
  third.emit('exit', 0, null);
  await stopped;
});
