import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { Limits } from '../core/limits.ts';
import { QueueShares, WAIT_SHARE } from '../core/queue-shares.ts';
import type { Member } from '../stores/members/members.ts';
import {
  type AnswerFrame,
  decodeFrame,
  encodeCancel,
  encodeRequest,
  FrameError,
  type HeldFrame,
  maxFrameBytes,
  PING_FRAME,
} from '../wire/frames.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { Caller } from './caller.ts';
import { FrameBatch } from './frame-batch.ts';
import { FrameConnection } from './frame-connection.ts';
import type { HeldModels } from './held-models.ts';
import type { RouterMetrics } from './metrics.ts';
import { OwedModels } from './owed-models.ts';
import { WorkerHealth } from './worker-health.ts';
import type { Leaving, Outcome, Pending, WorkerRequest } from './worker-request.ts';

export interface WorkerClientDeps {
  readonly token: string;
  readonly limits: Limits;
  readonly metrics: RouterMetrics;
  readonly logger: Logger;
  readonly held: HeldModels<WorkerClient>;
  /** Whether one more worker may be passed over for its failures. */
  readonly mayEject: () => boolean;
  readonly now: () => number;
  readonly random: () => number;
}

const MAX_TIMEOUT_MS = 0x7fff_ffff;
/** By then a worker says that a model holds a lane there, as `laneOverrunMs` has it. */
const TELLS_FACTOR = 1.5;

/** One worker as a router sees it: what is under way there, and how busy it says it is. */
export class WorkerClient {
  readonly member: Member;
  readonly health: WorkerHealth;
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
  /** Since when it has, or hasn't, a connection. */
  #turnedAtMs: number;
  /** Handed to the socket and given up since it last had nothing to send. */
  #abandonedBytes = 0;
  /** Models of which a run holds a lane there: as many as it has lanes. */
  readonly #holding = new Set<ModelKey>();
  #nextId = 0;

  constructor(member: Member, deps: WorkerClientDeps, onReady: () => void) {
    this.member = member;
    this.#onReady = onReady;
    this.#deps = deps;
    const { workerQueueRequests, workerQueueBytes, heldModels } = deps.limits;
    this.#shares = new QueueShares({ requests: workerQueueRequests, bytes: workerQueueBytes });
    const rememberMs = TELLS_FACTOR * deps.limits.laneOverrunMs;
    this.#owed = new OwedModels({ rememberMs, maxRemembered: heldModels });
    this.#turnedAtMs = deps.now();
    const logger = deps.logger.child({ worker: member.id });
    this.health = new WorkerHealth({ ...deps, logger });
    this.#connection = new FrameConnection({
      address: member.address,
      token: deps.token,
      timeoutMs: deps.limits.workerConnectMs,
      logger,
      random: deps.random,
      maxFrameBytes: maxFrameBytes(deps.limits),
      onConnect: (socket) => this.#onConnect(socket),
      onFrame: (frame) => this.#onFrame(frame),
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
    return this.health.queueDelayMs(nowMs);
  }

  /** Since when it has this connection; another one may be another process. */
  get connectedAtMs(): number {
    return this.#turnedAtMs;
  }

  /**
   * No answer shows that this model's runs end here, and the worker may still be about to say that one holds a lane.
   * When it has said so of another model, the silence of this one is explained.
   */
  owesSilently(key: ModelKey, nowMs: number): boolean {
    const isExplained = this.#holding.size > 0 && !this.#holding.has(key);
    return !isExplained && this.#owed.isSilent(key, nowMs) && !this.health.isSilent;
  }

  /** Why it would refuse this tenant's next request now, or not have it answered in time; its body isn't known yet. */
  foreseenRefusal(tenant: string, leftMs: number): Extract<Outcome, { kind: 'full' }> | undefined {
    const ownMs = this.#shares.ownWaitMs(tenant);
    return ownMs > leftMs * WAIT_SHARE
      ? { kind: 'full', of: 'tenant', drainMs: ownMs }
      : this.#refusal(tenant, 0);
  }

  /** Never rejects; settles at the request's deadline at the latest. */
  send(request: WorkerRequest, caller: Caller, leaving?: Leaving): Promise<Outcome> {
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
    return new Promise((settle) => {
      const timer = setTimeout(() => this.#cancel(id, { kind: 'deadline' }), timeoutMs);
      this.#pending.set(id, { key, tenant, frame, timer, settle, leaving });
      this.#shares.add(tenant, frame.length, nowMs);
      this.#owed.sent(key, nowMs);
      caller.onGone = () => this.#cancel(id, { kind: 'gone' });
      batch.add(frame);
    });
  }

  /** Past the frames that wait for the socket: only the write under way is before it. */
  ping(): void {
    this.health.pinged();
    this.#socket?.write(PING_FRAME, (error) => {
      if (!error) this.health.pingWritten();
    });
  }

  /** It is silent: what is under way there leaves if it may. What holds a lane there doesn't walk on. */
  handOver(): void {
    for (const [id, { key, leaving }] of this.#pending) {
      if (!this.#holding.has(key) && leaving?.mayLeave(this) === true) this.#cancel(id, { kind: 'silent' });
    }
  }

  /** Nothing came for so long that only a new connection can tell whether it lives. */
  drop(): void {
    this.#socket?.destroy(
      new Error(`nothing came from the worker within ${this.#deps.limits.workerSilenceMs} ms`),
    );
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
    this.health.connected(this.#turnedAtMs);
    this.#onReady();
  }

  #onFrame(bytes: Buffer): void {
    const frame = decodeFrame(bytes);
    const nowMs = this.#deps.now();
    if (frame.type === 'pong') return this.health.ponged(nowMs, frame.queueDelayUs / 1_000, frame.draining);
    if (frame.type === 'held') return this.#onHeld(frame, nowMs);
    if (frame.type !== 'answer') throw new FrameError(`a worker sent a ${frame.type} frame`);
    this.health.answered(nowMs, frame.queueDelayUs / 1_000);
    const pending = this.#pending.get(frame.id);
    if (pending !== undefined) this.#onAnswer(pending, frame, nowMs);
    // None is pending when the answer crossed our cancel.
    this.#settle(frame.id, { kind: 'answer', frame });
  }

  #onHeld({ key, isHeld }: HeldFrame, nowMs: number): void {
    this.health.heard(nowMs);
    if (isHeld) this.#holding.add(key);
    else this.#holding.delete(key);
    this.#deps.held.set(key, this, isHeld);
  }

  #onAnswer({ key, tenant }: Pending, { result, runUs }: AnswerFrame, nowMs: number): void {
    if (result.ok) this.health.wentWell(nowMs);
    else if (result.code === 'SHUTTING_DOWN') this.health.drains();
    else if (result.code === 'INTERNAL') this.health.failed(nowMs, key);
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
    if (!this.#closing && this.#pending.size > 0) this.health.failed(this.#turnedAtMs);
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

  #settle(id: number, outcome: Outcome): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    this.#shares.remove(pending.tenant, pending.frame.length);
    clearTimeout(pending.timer);
    pending.settle(outcome);
    if (this.#pending.size === 0) this.#onIdle?.();
  }
}
