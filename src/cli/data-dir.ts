import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CliError, EXIT } from './exit.ts';

export interface DataDir {
  readonly dir: string;
  readonly registryFile: string;
  readonly artifactsDir: string;
  readonly plansFile: string;
  /** What the workers were at, for after a crash. */
  readonly journalDir: string;
  release(): void;
}

/**
 * Makes the directory when it isn't there and locks it for this process. The lock is the kernel's (by way of
 * an SQLite file held exclusively), so that it's gone with the process, even after kill -9.
 */
export async function openDataDir(dir: string): Promise<DataDir> {
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new CliError(`can't make the data directory ${dir}: ${error.message}`, EXIT.usage, error);
  });
  const pidFile = path.join(dir, 'pid');
  const lock = await takeLock(path.join(dir, 'lock'), dir, pidFile);
  await writeFile(pidFile, `${process.pid}\n`);
  return {
    dir,
    registryFile: path.join(dir, 'registry.db'),
    artifactsDir: path.join(dir, 'artifacts'),
    plansFile: path.join(dir, 'plans.db'),
    journalDir: dir,
    release: () => lock.close(),
  };
}

async function takeLock(file: string, dir: string, pidFile: string): Promise<DatabaseSync> {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(file, { timeout: 0 });
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (x);');
    return lock;
  } catch (error) {
    lock?.close();
    const isHeld = (error as Error).message.includes('locked');
    if (!isHeld)
      throw new CliError(
        `can't lock the data directory ${dir}: ${(error as Error).message}`,
        EXIT.usage,
        error,
      );
    const holder = (await readFile(pidFile, 'utf8').catch(() => 'unknown')).trim();
    throw new CliError(
      `the data directory ${dir} is in use by another Shoal (process ${holder}); stop it, or give --data another`,
      EXIT.usage,
      error,
    );
  }
}
