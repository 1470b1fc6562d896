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

export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  /** The first answer that wasn't a 200, to see what went wrong. */
  readonly firstError?: string;
}

const CRLF2 = Buffer.from('\r\n\r\n');

async function load(plan: LoadPlan): Promise<LoadResult> {
  const run = new Run(plan);
  const connections = Array.from({ length: plan.connections }, () => runConnection(plan, run));
  if (plan.ratePerSecond !== undefined) run.pace(plan.ratePerSecond);
  await new Promise((resolve) => setTimeout(resolve, plan.warmUpMs));
  run.measuring = true;
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, plan.measureMs));
  const seconds = (performance.now() - startedAt) / 1000;
  run.measuring = false;
  run.stop();
  await Promise.all(connections);
  const latenciesMs = run.latenciesMs.sort((a, b) => a - b);
  const at = (share: number): number => latenciesMs[Math.floor(latenciesMs.length * share)] ?? Number.NaN;
  return {
    perSecond: latenciesMs.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    errors: run.errors,
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
  #stopping = false;
  measuring = false;
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
    if (this.#stopping) end();
    else if (!this.#isPaced) send(performance.now());
    else {
      const arrivedMs = this.#arrivedMs.shift();
      if (arrivedMs === undefined) this.#free.push((at) => (this.#stopping ? end() : send(at)));
      else send(arrivedMs);
    }
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

  stop(): void {
    this.#stopping = true;
    clearInterval(this.#pacing);
    for (const end of this.#free) end(0);
  }
}

function runConnection(plan: LoadPlan, run: Run): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: plan.host, port: plan.port, noDelay: true });
    let arrivedAt = 0;
    let pending: Buffer = Buffer.alloc(0);
    const send = (arrivedMs: number): void => {
      arrivedAt = arrivedMs;
      socket.write(run.request());
    };
    const next = (): void => run.freed(send, () => socket.destroy());
    socket
      .on('connect', next)
      .on('error', reject)
      .on('close', () => resolve());
    socket.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const end = answerEnd(pending);
      if (end === undefined || pending.length < end) return;
      if (run.measuring) run.latenciesMs.push(performance.now() - arrivedAt);
      // 'HTTP/1.1 200': the status stands at byte 9.
      if (pending[9] !== 0x32) {
        run.errors++;
        if (run.firstError === '') run.firstError = pending.toString('latin1', 0, 600);
      }
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

async function answer(plan: LoadPlan): Promise<void> {
  process.send?.(await load(plan));
  process.disconnect();
}

process.on('message', (plan: LoadPlan) => void answer(plan));
