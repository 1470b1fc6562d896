import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import * as fc from 'fast-check';
import {
  CrashJournal,
  type JournalEntry,
  JournalSlot,
  type LanePhase,
  readJournal,
} from '../../../src/wire/crash-journal.ts';
import { modelKey } from '../../../src/wire/model-key.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'shoal-journal-'));
after(() => rmSync(directory, { recursive: true, force: true }));
let files = 0;
const newFile = (): string => path.join(directory, String(files++));

const NOTHING = { cause: undefined, entries: [] };
const LONGEST = modelKey({
  tenant: 't'.repeat(63),
  model: 'm'.repeat(128),
  version: 'v'.repeat(64),
  digest: `sha256:${'a'.repeat(64)}`,
});

interface Step {
  readonly lane: number;
  readonly work: { readonly phase: LanePhase; readonly key: string; readonly hasRun: boolean } | undefined;
}

const step: fc.Arbitrary<Step> = fc.record({
  lane: fc.nat({ max: 3 }),
  work: fc.option(
    fc.record({
      phase: fc.constantFrom<LanePhase>('loading', 'running', 'releasing'),
      key: fc.constantFrom('a/b/1@sha256:00', 'a/b/2@sha256:00', 'a-longer/key/3@sha256:00', LONGEST),
      hasRun: fc.boolean(),
    }),
    { nil: undefined },
  ),
});

test('says at every moment exactly what each lane is at', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const file = newFile();
      const journal = new CrashJournal(file, 4);
      const slots = [0, 1, 2, 3].map((lane) => new JournalSlot(journal.fd, lane));
      const expected: (JournalEntry | undefined)[] = [undefined, undefined, undefined, undefined];
      for (const { lane, work } of steps) {
        const slot = slots[lane] as JournalSlot;
        if (work === undefined) slot.idle();
        else slot.begin(work.phase, work.key, work.hasRun);
        expected[lane] = work === undefined ? undefined : { lane, ...work, isCulprit: false };
        const { cause, entries } = readJournal(file);
        assert.equal(cause, undefined);
        assert.deepEqual(
          entries,
          expected.filter((one) => one !== undefined),
        );
      }
      journal.close();
    }),
    { numRuns: 50 },
  );
});

test('holds the longest key that there can be', () => {
  assert.equal(LONGEST.length, 329);
  const file = newFile();
  const journal = new CrashJournal(file, 1);
  new JournalSlot(journal.fd, 0).begin('running', LONGEST, true);
  journal.close();
  assert.equal(readJournal(file).entries[0]?.key, LONGEST);
});

test('does not write again what the slot says already', () => {
  const file = newFile();
  const journal = new CrashJournal(file, 1);
  const slot = new JournalSlot(journal.fd, 0);
  slot.begin('running', 'a/b/1@sha256:00', false);
  journal.clear();
  slot.begin('running', 'a/b/1@sha256:00', false);
  assert.deepEqual(readJournal(file), NOTHING);
  slot.begin('running', 'a/b/1@sha256:00', true);
  assert.equal(readJournal(file).entries.length, 1);
  slot.idle();
  slot.begin('running', 'a/b/1@sha256:00', true);
  assert.equal(readJournal(file).entries.length, 1);
  journal.close();
});

test('keeps the cause beside what was at work; a clear and a new journal leave nothing', () => {
  const file = newFile();
  const journal = new CrashJournal(file, 2);
  new JournalSlot(journal.fd, 1).begin('loading', LONGEST, false);
  for (const cause of ['memory', 'machine-memory', 'bug', 'hang'] as const) {
    journal.selfKill(cause);
    assert.equal(readJournal(file).cause, cause);
  }
  const entry = { lane: 1, phase: 'loading', key: LONGEST, hasRun: false };
  for (const lane of [undefined, 0, 1]) {
    journal.selfKill('hang', lane);
    const entries = [{ ...entry, isCulprit: lane === 1 }];
    assert.deepEqual(readJournal(file), { cause: 'hang', entries });
  }
  journal.clear();
  assert.deepEqual(readJournal(file), NOTHING);
  journal.selfKill('hang');
  journal.close();
  new CrashJournal(file, 2).close();
  assert.deepEqual(readJournal(file), NOTHING);
});

test('a file that is missing, empty, cut or full of anything never makes up an entry that it does not hold', () => {
  assert.deepEqual(readJournal(newFile()), NOTHING);
  const file = newFile();
  const journal = new CrashJournal(file, 2);
  const slots = [0, 1].map((lane) => new JournalSlot(journal.fd, lane));
  for (const slot of slots) slot.begin('running', LONGEST, false);
  journal.close();
  const whole = readJournal(file).entries;
  const bytes = readFileSync(file);
  for (let length = bytes.length; length >= 0; length--) {
    truncateSync(file, length);
    const { entries } = readJournal(file);
    assert.deepEqual(entries, whole.slice(0, entries.length));
    assert.equal(entries.length, length < 512 + 345 ? 0 : length < 1024 + 345 ? 1 : 2);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_048 }), (anything) => {
      writeFileSync(file, anything);
      for (const { lane, phase, key } of readJournal(file).entries) {
        assert.ok(lane >= 0 && lane < 4 && key.length >= 1 && key.length <= 496);
        assert.ok(['loading', 'running', 'releasing'].includes(phase));
      }
    }),
  );
});
