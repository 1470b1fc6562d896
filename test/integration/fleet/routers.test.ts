import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { descendants } from '../../support/descendants.ts';
import { type Fleet, startStores } from '../../support/fleet.ts';
import { ask } from '../../support/fleet-client.ts';
import type { FleetProcess } from '../../support/fleet-process.ts';
import { runShoal } from '../../support/shoal.ts';
import { isAlive, until } from '../../support/until.ts';

describe('routers that share a port', { timeout: 60_000 }, () => {
  let fleet: Fleet;
  let router: FleetProcess;
  before(async () => {
    fleet = await startStores();
    const args = ['--host', '127.0.0.2', '--routers', '2', '--limit', 'drainMs=200'];
    router = await fleet.add('router', { args });
    await router.start();
  });
  after(() => fleet[Symbol.asyncDispose]());

  /** The numbers of the routers that one scrape, at whichever of them, has metrics of. */
  async function scraped(): Promise<Set<string>> {
    const { body } = await ask(router.origin, 'GET', '/metrics');
    const lines = String(body['text']).matchAll(/^shoal_members\{router="(\d)"\} /gm);
    return new Set([...lines].map(([, slot = '']) => slot));
  }

  it('say that whoever reaches them may do everything', () =>
    until('it is said', () =>
      router.log.includes('Anyone who reaches this address may read and change everything'),
    ));

  it('end and say why when they can not start', async () => {
    const port = String(router.ports['--port']);
    const args = ['router', '--host', '127.0.0.2', '--port', port, '--routers', '2'];
    const { code, stderr } = await runShoal(args, '', { ...fleet.env });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^shoal: router \d can't start: can't listen on 127\.0\.0\.2:\d+: .*EADDRINUSE/m);
  });

  it('answer for each other when they are scraped', async () => {
    assert.deepEqual(await scraped(), new Set(['0', '1']));
  });

  it('one that is killed comes back', async () => {
    const before = await descendants(router.pid);
    assert.equal(before.length, 2);
    const [victim] = before as [number];
    process.kill(victim, 'SIGKILL');
    await until('there are two again', async () => {
      const now = await descendants(router.pid);
      return now.length === 2 && !now.includes(victim);
    });
    await until('both are scraped again', async () => (await scraped()).size === 2);
    assert.match(router.log, /a router process died; starting it again/);
  });

  it('one that is frozen does not keep the others from ending', async () => {
    const pids = await descendants(router.pid);
    process.kill(pids[0] as number, 'SIGSTOP');
    assert.equal(await router.stop(), 0);
    assert.equal(pids.some(isAlive), false);
    await router.start();
  });

  it('all end with the process that started them', async () => {
    const pids = await descendants(router.pid);
    assert.equal(await router.stop(), 0);
    assert.equal(pids.some(isAlive), false);
    await router.start();
    const others = await descendants(router.pid);
    assert.equal(others.length, 2);
    process.kill(router.pid, 'SIGKILL');
    await until('none is left', () => !others.some(isAlive));
  });
});
