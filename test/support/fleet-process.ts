import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { until } from './until.ts';

const SHOAL = fileURLToPath(new URL('../../src/shoal.sh', import.meta.url));

/**
 * The command in a process group of its own, which ends when nobody holds its input open any more: however the test's
 * process came to its end. Says the command's pid, and ends as the command does.
 */
const KEEPER =
  'exec 3<&0; (cat <&3; kill -9 0) >/dev/null 2>&1 & "$@" </dev/null 3<&- & echo "pid $!"; wait $!; exit $?';

const LISTENS = /(?:listens|metrics) on (http:\/\/\S+:\d+)/;

export type Role = 'router' | 'worker' | 'manager' | 'up';

export interface FleetProcessOptions {
  readonly role: Role;
  readonly name: string;
  /** After `shoal <role>`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Flags that name ports: they get free ones at the first start, and keep them. */
  readonly ports: Readonly<Record<string, number>>;
}

/** One `shoal router | worker | manager | up`, started as a person would, again and again if need be. */
export class FleetProcess {
  readonly role: Role;
  readonly name: string;
  /** The ports of its flags, like `--port`. */
  readonly ports: Readonly<Record<string, number>>;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #keeper: ChildProcessByStdio<Writable, Readable, Readable> | undefined;
  #ended: Promise<number | null> = Promise.resolve(null);
  #pid = 0;
  #origin = '';
  #log = '';

  constructor({ role, name, args, env, ports }: FleetProcessOptions) {
    this.role = role;
    this.name = name;
    this.ports = ports;
    this.#args = args;
    this.#env = env;
  }

  /** Where its HTTP is: the API, or a worker's probes and metrics. */
  get origin(): string {
    return this.#origin;
  }

  /** Of the process that was started itself; it may have others under it. */
  get pid(): number {
    return this.#pid;
  }

  /** Everything printed and logged so far, over all starts. */
  get log(): string {
    return this.#log;
  }

  get isRunning(): boolean {
    return this.#keeper !== undefined && this.#keeper.exitCode === null && this.#keeper.signalCode === null;
  }

  /** Resolves when it says that it listens; it may not be ready yet. */
  async start(): Promise<void> {
    const flags = Object.entries(this.ports).flatMap(([flag, port]) => [flag, String(port)]);
    const command = ['sh', SHOAL, this.role, ...flags, ...this.#args];
    const keeper = spawn('sh', ['-c', KEEPER, 'shoal-keeper', ...command], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#env },
      detached: true,
    });
    this.#keeper = keeper;
    this.#ended = once(keeper, 'exit').then(([code]) => code as number | null);
    let output = '';
    const listens = new Promise<void>((resolve, reject) => {
      keeper.stdout.on('data', (chunk) => {
        output += String(chunk);
        this.#log += String(chunk);
        const origin = LISTENS.exec(output)?.[1];
        if (origin === undefined) return;
        this.#origin = origin;
        resolve();
      });
      keeper.stderr.on('data', (chunk) => {
        this.#log += String(chunk);
      });
      void this.#ended.then((code) =>
        reject(new Error(`shoal ${this.role} ${this.name} ended (${code}) while starting:\n${this.#log}`)),
      );
    });
    await listens;
    this.#pid = Number(/^pid (\d+)$/m.exec(output)?.[1]);
  }

  /** Resolves when its probe says that it can serve. */
  async ready(): Promise<void> {
    await until(`${this.role} ${this.name} is ready`, async () => {
      if (!this.isRunning) throw new Error(`${this.role} ${this.name} has ended:\n${this.#log}`);
      return (await this.readiness()) === 200;
    });
  }

  /** The status of its probe; undefined: no answer. */
  async readiness(): Promise<number | undefined> {
    try {
      const { statusCode, body } = await request(`${this.#origin}/readyz`);
      await body.dump();
      return statusCode;
    } catch {
      return undefined;
    }
  }

  /**
   * SIGTERM and SIGINT go to the process that was started, and others, as if the machine did it, to all that it has
   * started too. Resolves when it has ended; after SIGSTOP and SIGCONT at once.
   */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const keeper = this.#keeper;
    if (keeper?.pid === undefined || !this.isRunning) return null;
    const isPolite = signal === 'SIGTERM' || signal === 'SIGINT';
    process.kill(isPolite ? this.#pid : -keeper.pid, signal);
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return null;
    const code = await this.#ended;
    // Whoever watches over its group is still there.
    keeper.stdin.destroy();
    return code;
  }

  /** In good order; resolves to the exit code. */
  stop(): Promise<number | null> {
    return this.kill('SIGTERM');
  }

  /** kill -9, or what else is told, and a new start on the same ports; resolves when it is ready. */
  async restart(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.kill(signal);
    await this.start();
    await this.ready();
  }
}
