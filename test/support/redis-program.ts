import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const HOW =
  'tests with Redis need redis-server on the PATH: on Debian or Ubuntu "apt-get install redis-server", ' +
  'on macOS "brew install redis"';

let found: string | undefined;

/** redis-server on the PATH, else installed from Debian where that needs no password, else a message that says how. */
export function redisProgram(): string {
  found ??= onPath('redis-server') ?? installed();
  return found;
}

function installed(): string {
  const apt = onPath('apt-get');
  if (apt === undefined) throw new Error(HOW);
  const isRoot = process.getuid?.() === 0;
  const command = isRoot ? [apt] : [onPath('sudo') ?? 'sudo', '-n', apt];
  try {
    for (const rest of [
      ['update', '-q'],
      ['install', '-q', '-y', '--no-install-recommends', 'redis-server'],
    ]) {
      const [program = '', ...args] = [...command, ...rest];
      execFileSync(program, args, {
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    }
  } catch (error) {
    throw new Error(`${HOW} (installing it failed)`, { cause: error });
  }
  const program = onPath('redis-server');
  if (program === undefined) throw new Error(HOW);
  return program;
}

function onPath(program: string): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  return directories.map((directory) => join(directory, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
