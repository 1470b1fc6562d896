import { connect, type Socket } from 'node:net';

/**
 * A load client in as few instructions as it gets, so that what is measured is the server. Closed loop: every
 * connection sends one of a few prepared requests, waits for the whole answer, and sends the next. Paced: requests
 * arrive at even intervals, wait for a free connection, and their latency counts from when they arrived.
 * Run as a child process: takes a LoadPlan by IPC and answers with a LoadResult.
 */
export interface LoadPlan {
  readonly host: string;
  readonly port: number;
  /** Whole HTTP/1.1 requests, taken in turn. */
  readonly requests: readonly string[];
  readonly connections: number;
  /** Absent: closed loop. */
  readonly ratePerSecond?: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** What came while it was measured, not while it warmed up. */
export interface LoadResult {
  /** Good answers; rate and latencies are theirs. */
  readonly answered: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Other answers, and connections that the server closed. */
  readonly errors: number;
  /** The first of them, to see what went wrong. */
  readonly firstError?: string;
  /** Arrived and still not sent at the end, for want of a free connection. */
  readonly waiting: number;
}

const CRLF2 = Buffer.from('\r\n\r\n');

async function load(plan: LoadPlan): Promise<LoadResult> {
  const run = new Run(plan);
  const connections = Promise.all(Array.from({ length: plan.connections }, () => runConnection(plan, run)));
  if (plan.ratePerSecond !== undefined) run.pace(plan.ratePerSecond);
  await new Promise((resolve) => setTimeout(resolve, plan.warmUpMs));
  run.measuring = true;
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, plan.measureMs));
  const seconds = (performance.now() - startedAt) / 1000;
  run.measuring = false;
  const waiting = run.stop();
  await connections;
  const latenciesMs = run.latenciesMs.sort((a, b) => a - b);
  const at = (share: number): number => latenciesMs[Math.floor(latenciesMs.length * share)] ?? Number.NaN;
  return {
    answered: latenciesMs.length,
    perSecond: latenciesMs.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    errors: run.errors,
    waiting,
    ...(run.firstError === '' ? {} : { firstError: run.firstError }),
  };
}

/** What the connections of one run share. */
class Run {
  readonly latenciesMs: number[] = [];
  readonly #requests: readonly Buffer[];
  readonly #isPaced: boolean;
  /** Arrived and waiting for a connection. */
  readonly #arrivedMs: number[] = [];
  readonly #free: ((arrivedMs: number) => void)[] = [];
  #pacing: NodeJS.Timeout | undefined;
  #next = 0;
  measuring = false;
  stopping = false;
  errors = 0;
  firstError = '';

  constructor(plan: LoadPlan) {
    this.#requests = plan.requests.map((request) => Buffer.from(request));
    this.#isPaced = plan.ratePerSecond !== undefined;
  }

  request(): Buffer {
    return this.#requests[this.#next++ % this.#requests.length] as Buffer;
  }

  /** Calls `send` when the connection may send its next request, or `end`. */
  freed(send: (arrivedMs: number) => void, end: () => void): void {
    if (this.stopping) end();
    else if (!this.#isPaced) send(performance.now());
    else {
      const arrivedMs = this.#arrivedMs.shift();
      if (arrivedMs === undefined) this.#free.push((at) => (this.stopping ? end() : send(at)));
      else send(arrivedMs);
    }
  }

  arrivesAgain(arrivedMs: number): void {
    const send = this.#free.pop();
    if (send === undefined) this.#arrivedMs.unshift(arrivedMs);
    else send(arrivedMs);
  }

  /** On a grid of a millisecond: a client that spins for finer steps takes the server's core. */
  pace(ratePerSecond: number): void {
    const startMs = performance.now();
    let arrived = 0;
    this.#pacing = setInterval(() => {
      const nowMs = performance.now();
      const due = ((nowMs - startMs) / 1000) * ratePerSecond;
      for (; arrived < due; arrived++) {
        const send = this.#free.pop();
        if (send === undefined) this.#arrivedMs.push(nowMs);
        else send(nowMs);
      }
    }, 1);
  }

  good(latencyMs: number): void {
    if (this.measuring) this.latenciesMs.push(latencyMs);
  }

  failed(what: string): void {
    if (!this.measuring) return;
    this.errors++;
    if (this.firstError === '') this.firstError = what;
  }

  /** How many still wait. */
  stop(): number {
    this.stopping = true;
    clearInterval(this.#pacing);
    for (const end of this.#free) end(0);
    return this.#arrivedMs.length;
  }
}

/** One after the other, when the server closes them; that it takes none any more ends the run. */
async function runConnection(plan: LoadPlan, run: Run): Promise<void> {
  while (!run.stopping) {
    await oneConnection(plan, run);
    if (!run.stopping) run.failed('the server closed the connection');
  }
}

function oneConnection(plan: LoadPlan, run: Run): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: plan.host, port: plan.port, noDelay: true });
    let arrivedAt = 0;
    let isConnected = false;
    let pending: Buffer = Buffer.alloc(0);
    const send = (arrivedMs: number): void => {
      arrivedAt = arrivedMs;
      // Closed while it waited for something to send: the next connection takes it.
      if (socket.destroyed) run.arrivesAgain(arrivedMs);
      else socket.write(run.request());
    };
    const next = (): void => run.freed(send, () => socket.destroy());
    socket
      .on('connect', () => {
        isConnected = true;
        next();
      })
      .on('error', (error) => {
        if (!isConnected) reject(error);
      })
      .on('close', () => resolve());
    socket.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const end = answerEnd(pending);
      if (end === undefined || pending.length < end) return;
      // 'HTTP/1.1 200': the status stands at byte 9.
      if (pending[9] === 0x32) run.good(performance.now() - arrivedAt);
      else run.failed(pending.toString('latin1', 0, 600));
      pending = pending.subarray(end);
      next();
    });
  });
}

function answerEnd(bytes: Buffer): number | undefined {
  const head = bytes.indexOf(CRLF2);
  if (head < 0) return undefined;
  const text = bytes.toString('latin1', 0, head).toLowerCase();
  const at = text.indexOf('content-length: ');
  return head + 4 + Number.parseInt(text.slice(at + 16), 10);
}

/** A rejection ends the process, which its parent sees. */
async function answer(plan: LoadPlan): Promise<void> {
  process.send?.(await load(plan));
  process.disconnect();
}

process.on('message', (plan: LoadPlan) => void answer(plan));
