import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Suspects } from '../../../src/core/suspects.ts';

describe('suspects', () => {
  it('are the models of a crash that had several, until it is too long ago', () => {
    const suspects = new Suspects(100, 8);
    suspects.crashed(['a', 'b'], 1_000);
    suspects.crashed(['c'], 1_010);
    suspects.crashed(['d', 'd'], 1_020);
    suspects.crashed(['b', 'e'], 1_030);
    assert.deepEqual(suspects.keys(1_099), ['a', 'b', 'e']);
    assert.equal(suspects.nextChangeMs, 1_100);
    assert.deepEqual(suspects.keys(1_100), ['b', 'e']);
    assert.deepEqual(suspects.keys(1_130), []);
    assert.equal(suspects.nextChangeMs, undefined);
  });

  it('are clear when another is found guilty of every crash that they were at', () => {
    const suspects = new Suspects(1_000, 8);
    suspects.crashed(['poison', 'a'], 0);
    suspects.crashed(['poison', 'b'], 1);
    suspects.crashed(['other', 'b'], 2);
    suspects.guilty('poison');
    assert.deepEqual(suspects.keys(3), ['b', 'other']);
  });

  it('are of the latest crashes only', () => {
    const suspects = new Suspects(1_000, 2);
    for (const name of ['a', 'b', 'c']) suspects.crashed([name, `${name}2`], 0);
    assert.deepEqual(suspects.keys(1), ['b', 'b2', 'c', 'c2']);
  });

  it('are told of a crash more than once, late or in another order, and remember it once', () => {
    const suspects = new Suspects(100, 2);
    suspects.crashed(['a', 'b'], 1_000);
    suspects.crashed(['c', 'd'], 1_010);
    suspects.crashed(['b', 'a'], 950);
    assert.deepEqual(suspects.keys(1_020), ['a', 'b', 'c', 'd']);
    assert.equal(suspects.nextChangeMs, 1_100);
    suspects.crashed(['a', 'b'], 1_050);
    assert.deepEqual(suspects.keys(1_120), ['a', 'b']);
  });
});
