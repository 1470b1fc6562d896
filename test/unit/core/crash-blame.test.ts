import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AtWork, blame } from '../../../src/core/crash-blame.ts';

const LOADING: AtWork = { key: 'a', phase: 'loading', hasRun: false, isCulprit: false };
const FIRST_RUN: AtWork = { key: 'b', phase: 'running', hasRun: false, isCulprit: false };
const LATER_RUN: AtWork = { key: 'c', phase: 'running', hasRun: true, isCulprit: false };
const atWork = [LOADING, FIRST_RUN, LATER_RUN];

function keys(end: Partial<Parameters<typeof blame>[0]>): string {
  return blame({ signal: null, cause: undefined, atWork, ...end })
    .map(({ key }) => key)
    .join('');
}

describe('who is blamed for the end of a worker', () => {
  it('whatever was at work, when native code crashed', () => {
    for (const signal of ['SIGSEGV', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGABRT', 'SIGTRAP', 'SIGSYS']) {
      assert.equal(keys({ signal }), 'abc', signal);
    }
    const [loading, running] = blame({ signal: 'SIGFPE', cause: undefined, atWork });
    assert.equal(loading?.reason, 'crashed its worker while it was loaded (SIGFPE)');
    assert.equal(running?.reason, 'crashed its worker while it ran (SIGFPE)');
  });

  it('for a hang only whose lane it was', () => {
    const hanging = { ...LATER_RUN, isCulprit: true };
    assert.equal(keys({ signal: 'SIGKILL', cause: 'hang', atWork: [LOADING, FIRST_RUN, hanging] }), 'c');
    assert.equal(keys({ signal: 'SIGKILL', cause: 'hang' }), '');
    const [hung] = blame({ signal: 'SIGKILL', cause: 'hang', atWork: [hanging] });
    assert.match(hung?.reason ?? '', /laneHangMs while it ran$/);
  });

  it('for memory whose lane it was, else what had yet to finish a run, else whatever was at work', () => {
    const full = { ...LATER_RUN, isCulprit: true };
    assert.equal(keys({ signal: 'SIGKILL', cause: 'memory', atWork: [LOADING, FIRST_RUN, full] }), 'c');
    assert.equal(keys({ signal: 'SIGKILL', cause: 'memory' }), 'ab');
    const later = [LATER_RUN, { ...LATER_RUN, key: 'd' }];
    assert.equal(keys({ signal: 'SIGKILL', cause: 'memory', atWork: later }), 'cd');
  });

  it('only what had yet to finish a run, when the machine had no memory left', () => {
    assert.equal(keys({ signal: 'SIGKILL', cause: 'machine-memory' }), 'ab');
    assert.equal(keys({ signal: 'SIGKILL', cause: 'machine-memory', atWork: [LATER_RUN] }), '');
  });

  it('after a SIGKILL that nobody explains only what had yet to finish a run', () => {
    assert.equal(keys({ signal: 'SIGKILL' }), 'ab');
    assert.equal(keys({ signal: 'SIGKILL', atWork: [LATER_RUN] }), '');
  });

  it("nobody, for a bug of the worker's own, an exit or a signal from outside", () => {
    assert.equal(keys({ signal: 'SIGKILL', cause: 'bug' }), '');
    assert.equal(keys({ signal: 'SIGABRT', cause: 'bug' }), '');
    assert.equal(keys({ signal: 'SIGTERM' }), '');
    assert.equal(keys({}), '');
  });

  it('a model that two lanes were at, once', () => {
    assert.equal(keys({ signal: 'SIGSEGV', atWork: [FIRST_RUN, { ...FIRST_RUN }] }), 'b');
  });
});
