import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { freePort } from './free-port.ts';
import { redisProgram } from './redis-program.ts';

export interface RedisServerOptions {
  /** Every change is on disk before it is acknowledged (`appendonly yes`, `appendfsync always`). */
  readonly aof?: boolean;
  /** More lines of redis.conf. */
  readonly config?: readonly string[];
}

/** Ends the server when nobody holds its input open any more, however the test's process came to its end. */
const KEEPER = '"$@" </dev/null & echo "pid $!"; cat >/dev/null; kill -9 $! 2>/dev/null; wait';

/** A real redis-server of its own for a test: on a free port of 127.0.0.1, in a directory that goes with it. */
export class RedisServer {
  readonly port: number;
  readonly directory: string;
  readonly #mode: readonly string[];
  #keeper: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #pid = 0;

  constructor(port: number, config: readonly string[], mode: readonly string[] = []) {
    this.port = port;
    this.#mode = mode;
    this.directory = mkdtempSync(join(tmpdir(), 'shoal-redis-'));
    const lines = [`port ${port}`, 'bind 127.0.0.1', `dir ${this.directory}`, ...config];
    writeFileSync(join(this.directory, 'redis.conf'), `${lines.join('\n')}\n`);
  }

  static async start({ aof = false, config = [] }: RedisServerOptions = {}): Promise<RedisServer> {
    const saving = ['save ""', `appendonly ${aof ? 'yes' : 'no'}`, 'appendfsync always'];
    const server = new RedisServer(await freePort(), [...saving, ...config]);
    await server.restart();
    return server;
  }

  /** `redis://127.0.0.1:port` */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
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

  /** On the same port; with AOF it has what it had, else nothing. */
  async restart(): Promise<void> {
    await this.kill();
    const program = [redisProgram(), join(this.directory, 'redis.conf'), ...this.#mode];
    const keeper = spawn('sh', ['-c', KEEPER, 'redis-keeper', ...program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#keeper = keeper;
    let log = '';
    await new Promise<void>((resolve, reject) => {
      keeper.stdout.on('data', (chunk) => {
        log = (log + String(chunk)).slice(-10_000);
        // Sentinels say no more than that they run.
        if (/Ready to accept connections|monitor master/.test(log)) resolve();
        if (/Fatal|FATAL|Failed/.test(log)) reject(new Error(`redis-server did not start:\n${log}`));
      });
      keeper.once('exit', () => reject(new Error(`redis-server did not start:\n${log}`)));
    });
    this.#pid = Number(/^pid (\d+)$/m.exec(log)?.[1]);
  }

  /** Ended, with its files. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
