import { connect, type Socket } from 'node:net';

/**
 * A closed-loop load client in as few instructions as it gets, so that what is measured is the server: every
 * connection sends one of a few prepared requests, waits for the whole answer, and sends the next.
 * Run as a child process: takes a LoadPlan by IPC and answers with a LoadResult.
 */
export interface LoadPlan {
  readonly host: string;
  readonly port: number;
  /** Whole HTTP/1.1 requests, taken in turn. */
  readonly requests: readonly string[];
  readonly connections: number;
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
  const requests = plan.requests.map((request) => Buffer.from(request));
  const latenciesMs: number[] = [];
  const state = { next: 0, errors: 0, firstError: '', measuring: false, stopping: false };
  const connections = Array.from({ length: plan.connections }, () =>
    runConnection(plan, requests, latenciesMs, state),
  );
  await new Promise((resolve) => setTimeout(resolve, plan.warmUpMs));
  state.measuring = true;
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, plan.measureMs));
  const seconds = (performance.now() - startedAt) / 1000;
  state.measuring = false;
  state.stopping = true;
  await Promise.all(connections);
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number): number => latenciesMs[Math.floor(latenciesMs.length * share)] ?? Number.NaN;
  return {
    perSecond: latenciesMs.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    errors: state.errors,
    ...(state.firstError === '' ? {} : { firstError: state.firstError }),
  };
}

interface LoadState {
  next: number;
  errors: number;
  firstError: string;
  measuring: boolean;
  stopping: boolean;
}

function runConnection(
  plan: LoadPlan,
  requests: readonly Buffer[],
  latenciesMs: number[],
  state: LoadState,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: plan.host, port: plan.port, noDelay: true });
    let sentAt = 0;
    let pending: Buffer = Buffer.alloc(0);
    const send = (): void => {
      if (state.stopping) {
        socket.destroy();
        return;
      }
      sentAt = performance.now();
      socket.write(requests[state.next++ % requests.length] as Buffer);
    };
    socket
      .on('connect', send)
      .on('error', reject)
      .on('close', () => resolve());
    socket.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const end = answerEnd(pending);
      if (end === undefined || pending.length < end) return;
      if (state.measuring) latenciesMs.push(performance.now() - sentAt);
      // 'HTTP/1.1 200': the status stands at byte 9.
      if (pending[9] !== 0x32) {
        state.errors++;
        if (state.firstError === '') state.firstError = pending.toString('latin1', 0, 600);
      }
      pending = pending.subarray(end);
      send();
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
