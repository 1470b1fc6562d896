import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { Limits } from '../core/limits.ts';
import { QueueShares, WAIT_SHARE } from '../core/queue-shares.ts';
import type { Member } from '../stores/members/members.ts';
import { FrameReader } from '../wire/frame-reader.ts';
import {
  type AnswerFrame,
  decodeFrame,
  encodeCancel,
  encodeRequest,
  FrameError,
  type HeldFrame,
  maxFrameBytes,
} from '../wire/frames.ts';
import type { ModelKey } from '../wire/model-key.ts';
import { silenceOf } from './copy-choice.ts';
import type { Caller } from './caller.ts';
import { FrameBatch } from './frame-batch.ts';
import { FrameConnection } from './frame-connection.ts';
import type { HeldModels } from './held-models.ts';
import type { RouterMetrics } from './metrics.ts';
import { OwedModels } from './owed-models.ts';
import { Probe } from './probe.ts';
import { WorkerPulse } from './worker-pulse.ts';
import type { Outcome, Pending, WorkerRequest } from './worker-request.ts';

export interface WorkerClientDeps {
  readonly token: string;
  readonly limits: Limits;
  readonly metrics: RouterMetrics;
  readonly logger: Logger;
  readonly held: HeldModels<WorkerClient>;
  /** Asks the worker beside its frames whether it lives; bounded in time, never rejects. */
  readonly isAlive: (member: Member) => Promise<boolean>;
  readonly now: () => number;
  readonly random: () => number;
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
  readonly #shares: QueueShares;
  readonly #owed: OwedModels;
  readonly #silenceMs: number;
  /** Since when it has, or hasn't, a connection. */
  #turnedAtMs: number;
  /** Handed to the socket and given up since it last had nothing to send. */
  #abandonedBytes = 0;
  readonly #pulse = new WorkerPulse();
  readonly #probes: Probe;
  /** Models of which a run holds a lane there: as many as it has lanes. */
  readonly #holding = new Set<ModelKey>();
  #nextId = 0;

  constructor(member: Member, deps: WorkerClientDeps, onReady: () => void) {
    this.member = member;
    this.#onReady = onReady;
    this.#deps = deps;
    const { workerQueueRequests, workerQueueBytes, heldModels } = deps.limits;
    this.#shares = new QueueShares({ requests: workerQueueRequests, bytes: workerQueueBytes });
    this.#silenceMs = silenceOf(deps.limits);
    this.#owed = new OwedModels({ rememberMs: this.#silenceMs, maxRemembered: heldModels });
    this.#turnedAtMs = deps.now();
    const { address } = member;
    const logger = deps.logger.child({ worker: member.id });
    this.#probes = new Probe(logger);
    this.#connection = new FrameConnection({
      address,
      token: deps.token,
      logger,
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

  /** How long it has had no connection. */
  awayMs(nowMs: number): number {
    return this.isConnected ? 0 : nowMs - this.#turnedAtMs;
  }

  /** How long a request would wait there, as far as it is known. */
  queueDelayMs(nowMs: number): number {
    return this.#pulse.queueDelayMs(nowMs);
  }

  /** It has owed answers for longer than any ordinary run and given none: it may be frozen, or cut off. */
  isSilent(nowMs: number): boolean {
    return this.#pulse.owedMs(nowMs) > this.#silenceMs;
  }

  /**
   * No answer shows that this model's runs end here, and the worker may still be about to say that one holds a lane.
   * When it has said so of another model, the silence of this one is explained.
   */
  owesSilently(key: ModelKey, nowMs: number): boolean {
    const isExplained = this.#holding.size > 0 && !this.#holding.has(key);
    return !isExplained && this.#owed.isSilent(key, nowMs) && !this.isSilent(nowMs);
  }

  /** Why it would refuse this tenant's next request now, or not have it answered in time; its body isn't known yet. */
  foreseenRefusal(tenant: string, leftMs: number): Extract<Outcome, { kind: 'full' }> | undefined {
    const ownMs = this.#shares.ownWaitMs(tenant);
    return ownMs > leftMs * WAIT_SHARE
      ? { kind: 'full', of: 'tenant', drainMs: ownMs }
      : this.#refusal(tenant, 0);
  }

  /** Never rejects; settles at the request's deadline at the latest. */
  send(request: WorkerRequest, caller: Caller): Promise<Outcome> {
    const { limits, now } = this.#deps;
    const nowMs = now();
    const timeoutMs = Math.min(MAX_TIMEOUT_MS, Math.ceil(request.deadlineAtMs - nowMs));
    const batch = this.#batch;
    if (caller.isGone) return Promise.resolve({ kind: 'gone' });
    if (timeoutMs <= 0) return Promise.resolve({ kind: 'deadline' });
    if (batch === undefined) return Promise.resolve({ kind: 'away' });
    const { key, tenant, partRows, residentBytes, background = false } = request;
    const early = this.#refusal(tenant, 0);
    if (early !== undefined) return Promise.resolve(early);
    const id = this.#freeId();
    const frame = encodeRequest({ id, key, timeoutMs, partRows, residentBytes, background }, request.tensors);
    const maxBytes = maxFrameBytes(limits);
    if (frame.length > maxBytes) {
      return Promise.resolve({ kind: 'too_large', bytes: frame.length, maxBytes });
    }
    const refusal = this.#refusal(tenant, frame.length);
    if (refusal !== undefined) return Promise.resolve(refusal);
    if (this.#pending.size === 0) this.#pulse.owes(nowMs);
    return new Promise((settle) => {
      const timer = setTimeout(() => this.#expire(id), timeoutMs);
      this.#pending.set(id, { key, tenant, frame, timer, settle });
      this.#shares.add(tenant, frame.length, nowMs);
      this.#owed.sent(key, nowMs);
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

  #refusal(tenant: string, bytes: number): Extract<Outcome, { kind: 'full' }> | undefined {
    // Beside what waits for answers: what was given up, and a worker that doesn't read has left in the socket.
    const unsentBytes = this.#socket?.writableLength ?? 0;
    if (unsentBytes === 0) this.#abandonedBytes = 0;
    const of = this.#shares.refusal(tenant, bytes, Math.min(this.#abandonedBytes, unsentBytes));
    if (of === undefined) return undefined;
    const drainMs = Math.max(this.queueDelayMs(this.#deps.now()), this.#shares.ownWaitMs(tenant));
    return { kind: 'full', of, drainMs };
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
    this.#batch = new FrameBatch(
      socket,
      (frames) => metrics.framesPerWrite.observe(frames),
      limits.framesPerWrite,
    );
    this.#turnedAtMs = this.#deps.now();
    this.#pulse.connected(this.#turnedAtMs);
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
    if (frame.type === 'held') return this.#onHeld(frame);
    if (frame.type !== 'answer') throw new FrameError(`a worker sent a ${frame.type} frame`);
    const nowMs = this.#deps.now();
    this.#pulse.answered(nowMs, frame.queueDelayUs / 1_000);
    const pending = this.#pending.get(frame.id);
    if (pending !== undefined) this.#onAnswer(pending, frame, nowMs);
    // None is pending when the answer crossed our cancel.
    this.#settle(frame.id, { kind: 'answer', frame });
  }

  #onHeld({ key, isHeld }: HeldFrame): void {
    if (isHeld) this.#holding.add(key);
    else this.#holding.delete(key);
    this.#deps.held.set(key, this, isHeld);
  }

  #onAnswer({ key, tenant }: Pending, { result, runUs }: AnswerFrame, nowMs: number): void {
    if (result.ok || result.code === 'MODEL_FAILED') {
      this.#owed.answered(key, nowMs, runUs / 1_000);
      this.#shares.answered(tenant, nowMs);
    } else if (result.code === 'DEADLINE_EXCEEDED') this.#owed.givenUp(key, nowMs);
    else this.#owed.notRun(key);
  }

  #onDisconnect(): void {
    const batch = this.#batch;
    this.#batch = undefined;
    this.#socket = undefined;
    const connectedAtMs = this.#turnedAtMs;
    this.#turnedAtMs = this.#deps.now();
    this.#deps.held.forget(this);
    this.#holding.clear();
    this.#owed.clear();
    if (!this.#closing) this.#deps.metrics.connectionsLost.inc();
    for (const [id, { frame }] of this.#pending) {
      const isUnsent = batch?.remove(frame) === true;
      this.#settle(id, isUnsent ? { kind: 'away' } : { kind: 'lost', connectedAtMs });
    }
  }

  #cancel(id: number, outcome: Outcome): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    const { key, frame } = pending;
    if (this.#batch?.remove(frame) === false) {
      const cancel = encodeCancel(id);
      this.#batch.add(cancel);
      this.#abandonedBytes += frame.length + cancel.length;
      this.#owed.givenUp(key, this.#deps.now());
    } else {
      this.#owed.notRun(key);
      this.#deps.metrics.unsent.inc();
    }
    this.#settle(id, outcome);
  }

  /** A worker that hangs lets one deadline after another pass; only a new connection can tell whether it lives. */
  #expire(id: number): void {
    const owedMs = this.#pulse.owedMs(this.#deps.now());
    this.#cancel(id, { kind: 'deadline' });
    if (owedMs > this.#silenceMs) void this.#probe();
    if (owedMs < this.#deps.limits.workerSilenceMs) return;
    this.#socket?.destroy(new Error(`the worker owed answers for ${Math.round(owedMs)} ms and gave none`));
  }

  async #probe(): Promise<void> {
    const { isAlive, now } = this.#deps;
    const isSilent = () => this.isConnected && this.isSilent(now());
    if (await this.#probes.run(isSilent, () => isAlive(this.member))) this.#pulse.heard(now());
  }

  #settle(id: number, outcome: Outcome): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    this.#shares.remove(pending.tenant, pending.frame.length);
    clearTimeout(pending.timer);
    if (this.#pending.size === 0) this.#pulse.owesNothing(this.#deps.now());
    pending.settle(outcome);
    if (this.#pending.size === 0) this.#onIdle?.();
  }
}
