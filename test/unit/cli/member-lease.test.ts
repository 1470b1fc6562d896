import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pino } from 'pino';
import { MemberLease } from '../../../src/cli/member-lease.ts';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { announcementOf } from '../../support/announcement.ts';
import { Happening } from '../../support/happening.ts';

it('a worker that leaves while its place moves to another address is not announced after that', async () => {
  const said: string[] = [];
  const leaving = new Happening();
  const mayLeave = Promise.withResolvers<void>();
  const members = {
    announce: async ({ address }: { address: string }) => void said.push(`announced ${address}`),
    async leave({ address }: { address: string }) {
      said.push(`left ${address}`);
      leaving.happen();
      await mayLeave.promise;
    },
    died: async () => undefined,
  };
  const { id, zone, weight, lanes, budgetBytes } = announcementOf({
    id: 'w',
    address: 'http://127.0.0.1:1',
    zone: 'a',
    weight: 1,
  });
  const lease = new MemberLease(
    { id, zone, weight, lanes, budgetBytes, advertise: undefined },
    { members, token: 'token', limits: DEFAULT_LIMITS, logger: pino({ level: 'silent' }) },
  );
  await lease.begin('http://127.0.0.1:1');
  const moved = lease.begin('http://127.0.0.1:2');
  await leaving.times(1);
  const left = lease.leave();
  mayLeave.resolve();
  await Promise.all([moved, left]);
  assert.deepEqual(
    said.filter((each) => each.startsWith('announced')),
    ['announced http://127.0.0.1:1'],
  );
});
