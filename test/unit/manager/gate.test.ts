import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { Gate } from '../../../src/manager/gate.ts';

it('never lets in more than its bounds, but one that is too heavy alone', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 30 }), turns: fc.integer({ min: 0, max: 5 }) })),
      fc.integer({ min: 1, max: 4 }),
      async (tasks, maxTasks) => {
        const gate = new Gate(maxTasks, 20);
        let running = 0;
        let bytes = 0;
        for (const task of tasks) {
          await gate.enter(task.bytes);
          running++;
          bytes += task.bytes;
          assert.ok(running <= maxTasks && (bytes <= 20 || running === 1));
          void (async () => {
            for (let turn = 0; turn < task.turns; turn++) await Promise.resolve();
            running--;
            bytes -= task.bytes;
            gate.leave(task.bytes);
          })();
        }
        while (gate.tasks > 0) await Promise.resolve();
        assert.deepEqual([running, bytes], [0, 0]);
      },
    ),
  );
});

it('is fair: a heavy task of one stream is not passed by the light ones of others', async () => {
  const gate = new Gate(4, 20);
  const order: string[] = [];
  await gate.enter(15);
  const heavy = gate.enter(20).then(() => order.push('heavy'));
  const light = gate.enter(1).then(() => order.push('light'));
  gate.leave(15);
  await heavy;
  assert.deepEqual(order, ['heavy']);
  gate.leave(20);
  await light;
});
