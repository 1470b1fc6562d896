import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pino } from 'pino';
import { FrameConnection } from '../../../src/router/frame-connection.ts';
import { startFakeWorker } from '../../support/fake-worker.ts';
import { until } from '../../support/until.ts';

it('a worker that has another token is warned of once, with what to look at', async (t) => {
  const worker = await startFakeWorker();
  t.after(() => worker.close());
  const lines: { level: number; msg: string; err: { message: string } }[] = [];
  const connection = new FrameConnection({
    address: worker.member.address,
    token: 'of-another-fleet',
    timeoutMs: 1_000,
    maxFrameBytes: 1_000,
    logger: pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) }),
    random: () => 0,
    onConnect: () => assert.fail('it connected'),
    onFrame: () => assert.fail('it got a frame'),
    onDisconnect: () => undefined,
  });
  t.after(() => connection.close());
  const warnings = () => lines.filter(({ level }) => level === 40);
  await until('it is warned of', () => warnings().length > 0);
  const tries = lines.length;
  await until('it tries again', () => lines.length > tries);
  const [warning, ...others] = warnings();
  assert.deepEqual(others, []);
  assert.match(warning?.msg ?? '', /no frame connection to the worker at http:/);
  assert.match(warning?.err.message ?? '', /SHOAL_TOKEN/);
});
