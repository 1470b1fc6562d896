import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Position } from '../../../../src/stores/registry/position.ts';
import { History } from '../../../../src/stores/registry/redis/history.ts';

const at = (history: string, revision: number): Position => ({ history, revision });

function make({ leads }: { leads: boolean }) {
  let told = 0;
  const history = new History({
    fence: () => (leads ? { leader: 'me', term: 1 } : undefined),
    onWentBack: () => {
      told++;
    },
  });
  return { history, told: () => told };
}

it('answers that cross are no news, and what is known never goes back', () => {
  const { history, told } = make({ leads: false });
  const nothing = history.known;
  assert.equal(history.see(at('a', 5), nothing), undefined);
  const five = history.known;
  assert.equal(history.see(at('a', 9), five), undefined);
  assert.equal(history.see(at('a', 7), five), undefined);
  assert.equal(history.see(at('a', 2), nothing), undefined);
  assert.deepEqual(history.known, at('a', 9));
  assert.equal(told(), 0);
});

it('changes that were known before the question and are not in the answer are lost', () => {
  const { history, told } = make({ leads: false });
  history.see(at('a', 5), undefined);
  assert.equal(history.see(at('a', 4), history.known), 'behind');
  assert.equal(history.see(undefined, history.known), 'none');
  assert.equal(told(), 2);
  assert.deepEqual(history.known, at('a', 5));
});

it('another history is told once and taken as it is; who leads does not use what came with it', () => {
  for (const leads of [false, true]) {
    const { history, told } = make({ leads });
    history.see(at('a', 5), undefined);
    const before = history.known;
    assert.equal(history.see(at('b', 2), before), leads ? 'other' : undefined);
    assert.deepEqual(history.known, at('b', 2));
    assert.equal(history.see(at('b', 3), before), undefined);
    assert.equal(history.see(at('a', 6), before), undefined, 'asked before the other one began');
    assert.deepEqual(history.known, at('b', 3));
    assert.equal(told(), 1);
  }
});

it('that there is no history is no news while it is restored, and is again when that failed', async () => {
  const { history, told } = make({ leads: true });
  const failing = history.restore(() => {
    assert.equal(history.see(undefined, undefined), 'none');
    return Promise.reject(new Error('the source broke'));
  });
  await assert.rejects(failing, /the source broke/);
  assert.equal(told(), 0);
  assert.equal(history.see(undefined, undefined), 'none');
  assert.equal(told(), 1);
  await history.restore(() => Promise.resolve(at('c', 1)));
  assert.deepEqual(history.known, at('c', 1));
});
