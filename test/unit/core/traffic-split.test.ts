import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { chooseVersion, isInTraffic, stickyPoint } from '../../../src/core/traffic-split.ts';

const point = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const percent = fc.double({ min: 0, max: 100, noNaN: true });

describe('chooseVersion', () => {
  it('gives the canary its share of the points and stable the rest', () => {
    fc.assert(
      fc.property(point, percent, (at, share) => {
        const chosen = chooseVersion({ stable: '1', canary: { version: '2', percent: share } }, at);
        assert.equal(chosen, at * 100 < share ? '2' : '1');
      }),
    );
    assert.equal(chooseVersion({ stable: '1', canary: { version: '2', percent: 0 } }, 0), '1');
    assert.equal(chooseVersion({ stable: '1', canary: { version: '2', percent: 100 } }, 0.999_999), '2');
  });

  it('a growing canary never takes a request away from itself', () => {
    fc.assert(
      fc.property(point, percent, percent, (at, a, b) => {
        const [small, large] = a < b ? [a, b] : [b, a];
        const chosen = (share: number) =>
          chooseVersion({ stable: '1', canary: { version: '2', percent: share } }, at);
        assert.ok(chosen(small) !== '2' || chosen(large) === '2');
      }),
    );
  });

  it('never chooses the shadow, and nothing without a stable version', () => {
    assert.equal(chooseVersion({ shadow: { version: '3', percent: 100 } }, 0), undefined);
    assert.equal(chooseVersion({}, 0.5), undefined);
  });
});

describe('stickyPoint', () => {
  it('is one point of [0, 1) a key and salt', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (key, salt) => {
        const at = stickyPoint(key, salt);
        assert.ok(at >= 0 && at < 1);
        assert.equal(stickyPoint(key, salt), at);
      }),
    );
  });

  it('is even over keys, and independent between salts', () => {
    const keys = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);
    const inA = keys.filter((key) => stickyPoint(key, 'acme/churn') < 0.05);
    const inB = keys.filter((key) => stickyPoint(key, 'acme/ltv') < 0.05);
    const inBoth = inA.filter((key) => inB.includes(key));
    for (const chosen of [inA, inB]) assert.ok(Math.abs(chosen.length - 1_000) < 150, `${chosen.length}`);
    assert.ok(Math.abs(inBoth.length - 50) < 35, `${inBoth.length}`);
  });
});

describe('isInTraffic', () => {
  it('knows every role', () => {
    const traffic = {
      stable: '1',
      canary: { version: '2', percent: 0 },
      shadow: { version: '3', percent: 0 },
    };
    assert.deepEqual(
      ['1', '2', '3', '4'].map((version) => isInTraffic(traffic, version)),
      [true, true, true, false],
    );
  });
});
