import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning'];

export interface RunningShoal {
  readonly origin: string;
  readonly child: ChildProcess;
  readonly dataDir: string;
  /** Everything printed so far. */
  stdout(): string;
  stderr(): string;
  /** Sends a signal and resolves with how the process ended. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The real command, `shoal up`, on a free port and a data directory of its own; resolves when it listens. */
export async function startShoal(args: readonly string[] = [], dataDir?: string): Promise<RunningShoal> {
  const dir = dataDir ?? (await temporaryDir());
  const child = spawnShoal(['up', '--port', '0', '--data', dir, ...args]);
  let stdout = '';
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const origin = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      stdout += `${line}\n`;
      const match = /listens on (http:\S+)/.exec(line);
      if (match !== null) resolve(match[1] as string);
    });
    void exited.then(([code, signal]) =>
      reject(new Error(`shoal up ended (${signal ?? code}): ${stderr}${stdout}`)),
    );
  });
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal);
    const [code, by] = await exited;
    return { code, signal: by };
  };
  return {
    origin,
    child,
    dataDir: dir,
    stdout: () => stdout,
    stderr: () => stderr,
    stop,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) await stop('SIGKILL');
      if (dataDir === undefined)
        await rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

export function spawnShoal(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  return spawn(process.execPath, [...NODE_FLAGS, MAIN, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
}

/** Runs a command to its end. */
export async function runShoal(
  args: readonly string[],
  stdin = '',
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawnShoal(args, env);
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  child.stdin?.end(stdin);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

export function temporaryDir(): Promise<string> {
  return mkdtemp(path.join(os.tmpdir(), 'shoal-test-'));
}
