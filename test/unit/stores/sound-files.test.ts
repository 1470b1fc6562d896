import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { SoundFiles } from '../../../src/stores/artifacts/sound-files.ts';

const BYTES = 1_000_000;

/** What this process has read from files so far, as the kernel counts it. */
async function readBytes(): Promise<number> {
  return Number(/rchar: (\d+)/.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
}

async function scene(t: { after(end: () => Promise<void>): void }) {
  const directory = await mkdtemp(path.join(tmpdir(), 'shoal-sound-'));
  t.after(() => rm(directory, { recursive: true }));
  const bytes = randomBytes(BYTES);
  const file = path.join(directory, 'artifact');
  await writeFile(file, bytes);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}` as const;
  return { file, bytes, digest };
}

test('a file that was found whole is not read again, until it is written to', async (t) => {
  const { file, bytes, digest } = await scene(t);
  const sound = new SoundFiles(() => Date.now() + 5_000);
  assert.notEqual(await sound.usedMs(digest, file), undefined);
  const before = await readBytes();
  assert.notEqual(await sound.usedMs(digest, file), undefined);
  assert.ok((await readBytes()) - before < BYTES / 2, 'the second look reads nothing');
  await writeFile(file, randomBytes(BYTES));
  assert.equal(await sound.usedMs(digest, file), undefined, 'as long as before, but other bytes');
  await writeFile(`${file}.new`, bytes);
  await rename(`${file}.new`, file);
  assert.notEqual(await sound.usedMs(digest, file), undefined);
  await rm(file);
  assert.equal(await sound.usedMs(digest, file), undefined);
});

test('a file written to a moment ago, or found whole long ago, is read again', async (t) => {
  const { file, digest } = await scene(t);
  for (const clock of [() => Date.now(), hourly()]) {
    const sound = new SoundFiles(clock);
    await sound.usedMs(digest, file);
    const before = await readBytes();
    assert.notEqual(await sound.usedMs(digest, file), undefined);
    assert.ok((await readBytes()) - before >= BYTES);
  }
});

function hourly(): () => number {
  let hours = 0;
  return () => Date.now() + 3_600_000 * ++hours;
}
