import { type ChildProcess, fork } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { ModelConfig } from '../model/config.ts';
import {
  ADMISSION_ENV,
  ADMISSION_EXEC_ARGV,
  type AdmissionAnswer,
  type AdmissionCall,
  type AdmissionMessage,
  LIFELINE_FD,
  OVER_MEMORY,
  VERDICT_FD,
} from '../wire/admission.ts';

export interface ChildLimits {
  readonly admissionMs: number;
  readonly admissionBytes: number;
  readonly planBytes: number;
}

/** One artifact in the hands of a process. */
export interface Trial {
  readonly artifact: Uint8Array;
  readonly config: ModelConfig;
}

export type Death =
  | { readonly reason: 'crash'; readonly how: string; readonly stderr: string }
  | { readonly reason: 'killed' | 'hang' | 'memory' | 'start' | 'released'; readonly stderr: string };

export interface ChildEvents<T extends Trial> {
  onReady(): void;
  onAnswer(trial: T, answer: AdmissionAnswer, elapsedMs: number): void;
  /** Once. `trials` are those without an answer, in order: the first is the one that was under test. */
  onDeath(death: Death, trials: readonly T[]): void;
}

const STDERR_CHARS = 2_000;
/** What native libraries look at; nothing that the manager may hold in its environment goes along. */
const ENVIRONMENT = ['PATH', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TMPDIR', 'LD_LIBRARY_PATH', 'TZ'];

/** The manager's side of one admission process: sends, holds it to its time, and says how it died. */
export class AdmissionChild<T extends Trial> {
  readonly #child: ChildProcess;
  readonly #limits: ChildLimits;
  readonly #events: ChildEvents<T>;
  readonly #trials: T[] = [];
  readonly #closed = Promise.withResolvers<void>();
  #headSinceMs = 0;
  #timer: NodeJS.Timeout;
  #ready = false;
  #cause: 'hang' | 'start' | 'released' | undefined;
  #verdict = '';
  #stderr = '';

  constructor(limits: ChildLimits, events: ChildEvents<T>) {
    this.#limits = limits;
    this.#events = events;
    const program = new URL('./admission-process.ts', import.meta.url);
    this.#child = fork(program, [limits.admissionBytes, limits.planBytes].map(String), {
      serialization: 'advanced',
      execArgv: ['--disable-warning=ExperimentalWarning', ...ADMISSION_EXEC_ARGV],
      env: { ...Object.fromEntries(ENVIRONMENT.flatMap((name) => entryOf(name))), ...ADMISSION_ENV },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe', 'pipe'],
    });
    // The lifeline is only held; an error on it comes with the process's end, which 'close' tells.
    this.#child.stdio[LIFELINE_FD]?.on('error', () => undefined);
    this.#collect(VERDICT_FD, (text) => (this.#verdict += text));
    this.#collect(2, (text) => (this.#stderr = (this.#stderr + text).slice(-STDERR_CHARS)));
    this.#child.on('message', (message: AdmissionMessage) => this.#onMessage(message));
    this.#child.on('error', (error) => (this.#stderr += `${error.message}\n`));
    // After the exit, when every message and both pipes have been read.
    this.#child.on('close', (code, signal) => this.#onClose(code, signal));
    this.#timer = this.#killIn('start');
  }

  get ready(): boolean {
    return this.#ready;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(trial: T): void {
    const call: AdmissionCall = { artifact: trial.artifact, config: trial.config };
    this.#trials.push(trial);
    if (this.#trials.length === 1) this.#startHead();
    // A failed send means a dead process: 'close' follows, and deals with the trial.
    this.#child.send(call, undefined, undefined, () => undefined);
  }

  /** Ends the process, whatever it does; resolves when it is gone. */
  release(): Promise<void> {
    this.#cause ??= 'released';
    this.#child.kill('SIGKILL');
    return this.#closed.promise;
  }

  #onMessage(message: AdmissionMessage): void {
    clearTimeout(this.#timer);
    if (message.kind === 'ready') {
      this.#ready = true;
      this.#events.onReady();
      return;
    }
    const trial = this.#trials.shift();
    const elapsedMs = performance.now() - this.#headSinceMs;
    if (this.#trials.length > 0) this.#startHead();
    if (trial !== undefined) this.#events.onAnswer(trial, message, elapsedMs);
  }

  #onClose(code: number | null, signal: NodeJS.Signals | null): void {
    clearTimeout(this.#timer);
    this.#closed.resolve();
    this.#events.onDeath(this.#deathOf(code, signal), this.#trials.splice(0));
  }

  #deathOf(code: number | null, signal: NodeJS.Signals | null): Death {
    const stderr = this.#stderr;
    if (this.#cause !== undefined) return { reason: this.#cause, stderr };
    if (this.#verdict === OVER_MEMORY) return { reason: 'memory', stderr };
    if (!this.#ready) return { reason: 'start', stderr };
    if (signal === 'SIGKILL') return { reason: 'killed', stderr };
    return { reason: 'crash', how: signal ?? `exit code ${code}`, stderr };
  }

  #startHead(): void {
    this.#headSinceMs = performance.now();
    clearTimeout(this.#timer);
    this.#timer = this.#killIn('hang');
  }

  #killIn(cause: 'hang' | 'start'): NodeJS.Timeout {
    return setTimeout(() => {
      this.#cause ??= cause;
      this.#child.kill('SIGKILL');
    }, this.#limits.admissionMs);
  }

  #collect(descriptor: number, take: (text: string) => void): void {
    const stream = this.#child.stdio[descriptor] as Readable | null;
    stream?.setEncoding('utf8').on('data', take);
    stream?.on('error', () => undefined);
  }
}

function entryOf(name: string): [string, string][] {
  const value = process.env[name];
  return value === undefined ? [] : [[name, value]];
}
