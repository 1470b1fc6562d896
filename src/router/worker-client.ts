import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { Limits } from '../core/limits.ts';
import type { NamedTensor } from '../model/signature.ts';
import type { Member } from '../stores/members/members.ts';
import { FrameReader } from '../wire/frame-reader.ts';
import {
  type AnswerFrame,
  decodeFrame,
  encodeCancel,
  encodeRequest,
  FrameError,
  maxFrameBytes,
} from '../wire/frames.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { Caller } from './caller.ts';
import { FrameBatch } from './frame-batch.ts';
import { FrameConnection } from './frame-connection.ts';
import type { RouterMetrics } from './metrics.ts';

export interface WorkerRequest {
  readonly key: ModelKey;
  readonly partRows: number;
  readonly residentBytes: number;
  /** Shadow work. */
  readonly background?: boolean;
  readonly tensors: readonly NamedTensor[];
  /** On the clock that the client was given. */
  readonly deadlineAtMs: number;
}

/** What became of one try at one worker. */
export type Outcome =
  | { readonly kind: 'answer'; readonly frame: AnswerFrame }
  /** The connection died. `sent`: the worker may have begun to run the request. */
  | { readonly kind: 'lost'; readonly sent: boolean }
  /** Too much is under way at this worker already; nothing was sent. */
  | { readonly kind: 'full' }
  /** No worker takes a frame of this length; nothing was sent. */
  | { readonly kind: 'too_large'; readonly bytes: number; readonly maxBytes: number }
  | { readonly kind: 'deadline' }
  /** The caller went away. */
  | { readonly kind: 'gone' };

export interface WorkerClientDeps {
  readonly token: string;
  readonly limits: Limits;
  readonly metrics: RouterMetrics;
  readonly logger: Logger;
  readonly now: () => number;
  readonly random: () => number;
}

interface Pending {
  readonly frame: Buffer;
  readonly sentAtMs: number;
  readonly timer: NodeJS.Timeout;
  readonly settle: (outcome: Outcome) => void;
}

const MAX_TIMEOUT_MS = 0x7fff_ffff;

/** One worker as a router sees it: what is under way there, and how busy it says it is. */
export class WorkerClient {
  readonly member: Member;
  readonly #deps: WorkerClientDeps;
  readonly #connection: FrameConnection;
  readonly #onReady: () => void;
  readonly #pending = new Map<number, Pending>();
  #socket: Duplex | undefined;
  #batch: FrameBatch | undefined;
  #closing = false;
  #onIdle: (() => void) | undefined;
  #pendingBytes = 0;
  /** Handed to the socket and given up since it last had nothing to send. */
  #abandonedBytes = 0;
  /** How long it has owed answers, and given none, until `#owingSinceMs`; from there on while any are pending. */
  #owedMs = 0;
  #owingSinceMs = 0;
  #nextId = 0;
  #reportedDelayMs = 0;
  #heardAtMs = 0;

  constructor(member: Member, deps: WorkerClientDeps, onReady: () => void) {
    this.member = member;
    this.#onReady = onReady;
    this.#deps = deps;
    const { address } = member;
    this.#connection = new FrameConnection({
      address,
      token: deps.token,
      logger: deps.logger.child({ worker: member.id }),
      random: deps.random,
      onConnect: (socket) => this.#onConnect(socket),
      onDisconnect: () => this.#onDisconnect(),
    });
  }

  get isConnected(): boolean {
    return this.#socket?.destroyed === false;
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  /** What it last reported, less the time since: with nothing newer known, a queue drains as time goes by. */
  queueDelayMs(nowMs: number): number {
    return Math.max(0, this.#reportedDelayMs - (nowMs - this.#heardAtMs));
  }

  /** How long it has owed an answer without giving any: a worker that hangs reports nothing at all. */
  silentMs(nowMs: number): number {
    const oldest = this.#pending.values().next().value;
    return oldest === undefined ? 0 : nowMs - Math.max(this.#heardAtMs, oldest.sentAtMs);
  }

  /** Never rejects; settles at the request's deadline at the latest. */
  send(request: WorkerRequest, caller: Caller): Promise<Outcome> {
    const { limits, now } = this.#deps;
    const nowMs = now();
    const timeoutMs = Math.min(MAX_TIMEOUT_MS, Math.ceil(request.deadlineAtMs - nowMs));
    const batch = this.#batch;
    if (caller.isGone) return Promise.resolve({ kind: 'gone' });
    if (timeoutMs <= 0) return Promise.resolve({ kind: 'deadline' });
    if (batch === undefined) return Promise.resolve({ kind: 'lost', sent: false });
    if (this.#pending.size >= limits.workerQueueRequests) return Promise.resolve({ kind: 'full' });
    const id = this.#freeId();
    const { key, partRows, residentBytes, background = false } = request;
    const frame = encodeRequest({ id, key, timeoutMs, partRows, residentBytes, background }, request.tensors);
    const maxBytes = maxFrameBytes(limits);
    if (frame.length > maxBytes) {
      return Promise.resolve({ kind: 'too_large', bytes: frame.length, maxBytes });
    }
    // One request always fits, whatever the limit of the queue.
    const heldBytes = this.#heldBytes();
    const isFull = heldBytes > 0 && heldBytes + frame.length > limits.workerQueueBytes;
    if (isFull) return Promise.resolve({ kind: 'full' });
    if (this.#pending.size === 0) this.#owingSinceMs = nowMs;
    return new Promise((settle) => {
      const timer = setTimeout(() => this.#expire(id), timeoutMs);
      this.#pending.set(id, { frame, sentAtMs: nowMs, timer, settle });
      this.#pendingBytes += frame.length;
      caller.onGone = () => this.#cancel(id, { kind: 'gone' });
      batch.add(frame);
    });
  }

  /** Ends the connection once the last answer, or its deadline, has come. */
  closeWhenIdle(onClosed: () => void): void {
    this.#onIdle = () => {
      this.#onIdle = undefined;
      this.close();
      onClosed();
    };
    if (this.#pending.size === 0) this.#onIdle();
  }

  /** Ends the connection; what is under way is lost. */
  close(): void {
    this.#closing = true;
    this.#connection.close();
  }

  /** What waits here: for answers, and what was given up while a worker that doesn't read kept it in the socket. */
  #heldBytes(): number {
    const unsentBytes = this.#socket?.writableLength ?? 0;
    if (unsentBytes === 0) this.#abandonedBytes = 0;
    return this.#pendingBytes + Math.min(this.#abandonedBytes, unsentBytes);
  }

  #freeId(): number {
    do this.#nextId = (this.#nextId + 1) >>> 0;
    while (this.#pending.has(this.#nextId));
    return this.#nextId;
  }

  #onConnect(socket: Duplex): void {
    const { limits, metrics } = this.#deps;
    this.#socket = socket;
    this.#abandonedBytes = 0;
    this.#owedMs = 0;
    this.#batch = new FrameBatch(
      socket,
      (frames) => metrics.framesPerWrite.observe(frames),
      limits.framesPerWrite,
    );
    this.#heardAtMs = this.#deps.now();
    this.#reportedDelayMs = 0;
    const reader = new FrameReader(maxFrameBytes(limits));
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk, (frame) => this.#onFrame(frame));
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    this.#onReady();
  }

  #onFrame(bytes: Buffer): void {
    const frame = decodeFrame(bytes);
    if (frame.type !== 'answer') throw new FrameError(`a worker sent a ${frame.type} frame`);
    this.#heardAtMs = this.#deps.now();
    this.#owedMs = 0;
    this.#owingSinceMs = this.#heardAtMs;
    this.#reportedDelayMs = frame.queueDelayUs / 1_000;
    // None is pending when the answer crossed our cancel.
    this.#settle(frame.id, { kind: 'answer', frame });
  }

  #onDisconnect(): void {
    const batch = this.#batch;
    this.#batch = undefined;
    this.#socket = undefined;
    if (!this.#closing) this.#deps.metrics.connectionsLost.inc();
    for (const [id, { frame }] of this.#pending) {
      this.#settle(id, { kind: 'lost', sent: batch?.remove(frame) !== true });
    }
  }

  #cancel(id: number, outcome: Outcome): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    if (this.#batch?.remove(pending.frame) === false) {
      const cancel = encodeCancel(id);
      this.#batch.add(cancel);
      this.#abandonedBytes += pending.frame.length + cancel.length;
    }
    this.#settle(id, outcome);
  }

  /** A worker that hangs lets one deadline after another pass; only a new connection can tell whether it lives. */
  #expire(id: number): void {
    const owedMs = this.#owedMs + this.#deps.now() - this.#owingSinceMs;
    this.#cancel(id, { kind: 'deadline' });
    if (owedMs < this.#deps.limits.workerSilenceMs) return;
    this.#socket?.destroy(new Error(`the worker owed answers for ${Math.round(owedMs)} ms and gave none`));
  }

  #settle(id: number, outcome: Outcome): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    this.#pendingBytes -= pending.frame.length;
    clearTimeout(pending.timer);
    if (this.#pending.size === 0) this.#owedMs += this.#deps.now() - this.#owingSinceMs;
    pending.settle(outcome);
    if (this.#pending.size === 0) this.#onIdle?.();
  }
}
