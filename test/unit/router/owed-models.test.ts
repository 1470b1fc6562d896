import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeldModels } from '../../../src/router/held-models.ts';
import { OwedModels } from '../../../src/router/owed-models.ts';

describe('the models that a worker owes answers for', () => {
  const start = () => new OwedModels({ rememberMs: 750, maxRemembered: 2 });

  it('are silent until the first answer, and when none has come for a while', () => {
    const owed = start();
    assert.equal(owed.isSilent('m', 0), false);
    owed.sent('m', 0);
    owed.sent('m', 1);
    assert.equal(owed.isSilent('m', 1), true);
    owed.answered('m', 10, 1);
    assert.equal(owed.isSilent('m', 60), false);
    assert.equal(owed.isSilent('m', 61), true);
    owed.answered('m', 70, 1);
    assert.equal(owed.isSilent('m', 1_000), false, 'nothing is owed any more');
  });

  it('are heard of for twice as long as their last run took', () => {
    const owed = start();
    owed.sent('m', 0);
    owed.sent('m', 0);
    owed.answered('m', 300, 300);
    assert.equal(owed.isSilent('m', 900), false);
    assert.equal(owed.isSilent('m', 901), true);
  });

  it('are remembered for a while when they were given up, and forgotten when they were taken back', () => {
    const owed = start();
    owed.sent('taken back', 0);
    owed.notRun('taken back');
    assert.equal(owed.isSilent('taken back', 0), false);
    owed.sent('m', 0);
    owed.givenUp('m', 100);
    assert.equal(owed.isSilent('m', 850), true);
    assert.equal(owed.isSilent('m', 851), false);
    owed.sent('m', 860);
    owed.givenUp('m', 861);
    owed.sent('m', 862);
    owed.notRun('m');
    assert.equal(owed.isSilent('m', 862), true, 'a refusal shows nothing');
    owed.sent('m', 862);
    owed.answered('m', 863, 1);
    assert.equal(owed.isSilent('m', 864), false, 'an answer shows that it is well');
  });

  it('are bounded: the longest given up is forgotten first', () => {
    const owed = start();
    for (const [nowMs, key] of ['a', 'b', 'a', 'c'].entries()) {
      owed.sent(key, nowMs);
      owed.givenUp(key, nowMs);
    }
    assert.deepEqual(
      ['a', 'b', 'c'].map((key) => owed.isSilent(key, 4)),
      [true, false, true],
    );
    owed.clear();
    assert.equal(owed.isSilent('a', 4), false);
  });
});

describe('held models', () => {
  it('are held by whoever said so last, until it says otherwise or its connection ends', () => {
    const held = new HeldModels<string>(2);
    held.set('m', 'w1', true);
    held.set('m', 'w1', true);
    held.set('m', 'w2', true);
    assert.deepEqual(held.holdersOf('m'), ['w1', 'w2']);
    held.set('m', 'w1', false);
    assert.deepEqual(held.holdersOf('m'), ['w2']);
    held.set('n', 'w2', true);
    held.set('beyond', 'w2', true);
    assert.deepEqual(held.holdersOf('beyond'), []);
    held.forget('w2');
    assert.equal(held.size, 0);
    held.set('m', 'w2', false);
    assert.deepEqual(held.holdersOf('m'), []);
  });
});
