import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { S3Settings } from '../../src/wire/store-settings.ts';
import { freePort } from './free-port.ts';

/** What the server knows as its one account. */
export const S3_CREDENTIALS = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' } as const;

export const S3_BUCKET = 'shoal-test';
/** For files that aren't the installation's own. */
export const S3_OTHER_BUCKET = 'models-of-others';

/** Ends the server when nobody holds its input open any more, however the test's process came to its end. */
const KEEPER = '"$@" </dev/null & echo "pid $!"; cat >/dev/null; kill -9 $! 2>/dev/null; wait';
const PROGRAM = fileURLToPath(new URL('./s3-process.ts', import.meta.url));

/**
 * A real S3 protocol server of its own for a test, in a process that can be killed, frozen and started again on its
 * directory. Its credentials are put into this process's environment, which its children inherit.
 */
export class S3Server {
  readonly port: number;
  readonly directory = mkdtempSync(join(tmpdir(), 'shoal-s3-'));
  #keeper: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #pid = 0;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<S3Server> {
    Object.assign(process.env, S3_CREDENTIALS);
    const server = new S3Server(await freePort());
    await server.restart();
    return server;
  }

  /** `http://127.0.0.1:port` */
  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  settings(prefix = 'fleet'): S3Settings {
    return { bucket: S3_BUCKET, prefix, region: 'us-east-1', endpoint: this.endpoint, pathStyle: true };
  }

  /** What a role of the fleet takes from its environment. */
  env(prefix = 'fleet'): Record<string, string> {
    return {
      ...S3_CREDENTIALS,
      SHOAL_ARTIFACTS: `s3://${S3_BUCKET}/${prefix}`,
      SHOAL_S3_ENDPOINT: this.endpoint,
      SHOAL_S3_PATH_STYLE: 'true',
    };
  }

  /** It keeps its connections, and answers nothing. */
  freeze(): void {
    process.kill(this.#pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.#pid, 'SIGCONT');
  }

  /** kill -9; what it has on disk stays. */
  async kill(): Promise<void> {
    const keeper = this.#keeper;
    if (keeper === undefined) return;
    this.#keeper = undefined;
    const ended = once(keeper, 'exit');
    keeper.stdin.end();
    await ended;
  }

  /** On the same port and directory. */
  async restart(): Promise<void> {
    await this.kill();
    const program = [process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM];
    const args = [String(this.port), this.directory, S3_BUCKET, S3_OTHER_BUCKET];
    const keeper = spawn('sh', ['-c', KEEPER, 's3-keeper', ...program, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#keeper = keeper;
    let output = '';
    await new Promise<void>((resolve, reject) => {
      keeper.stdout.on('data', (chunk) => {
        output += String(chunk);
        if (output.includes('READY')) resolve();
      });
      keeper.once('exit', () => reject(new Error(`the S3 server did not start: ${output}`)));
    });
    this.#pid = Number(/^pid (\d+)$/m.exec(output)?.[1]);
  }

  /** Ended, with its files. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Makes an object look as if it had been written so long ago. `key`: with the prefix. */
  age(key: string, ms: number): void {
    const then = (Date.now() - ms) / 1_000;
    utimesSync(this.fileOf(key), then, then);
  }

  /** Changes one byte in the middle of an object, behind the server's back. */
  async corrupt(key: string): Promise<void> {
    const bytes = await readFile(this.fileOf(key));
    const middle = bytes.length >> 1;
    await writeFile(this.fileOf(key), bytes.with(middle, 255 - (bytes[middle] ?? 0)));
  }

  /** Multipart uploads that were begun and neither completed nor aborted. */
  uploads(): string[] {
    try {
      return readdirSync(join(this.directory, S3_BUCKET, '._S3rver_uploads'));
    } catch {
      return [];
    }
  }

  fileOf(key: string, bucket: string = S3_BUCKET): string {
    return join(this.directory, bucket, `${key}._S3rver_object`);
  }
}
