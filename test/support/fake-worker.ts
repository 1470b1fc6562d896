import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ErrorCode } from '../../src/core/errors.ts';
import type { NamedTensor } from '../../src/model/signature.ts';
import type { Member } from '../../src/stores/members/members.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import {
  type AnswerTimings,
  decodeFrame,
  encodeAnswerHead,
  encodeFailure,
  encodePong,
  FRAME_PROTOCOL,
  type RequestFrame,
} from '../../src/wire/frames.ts';
import { readSection, sectionBytes, writeSection } from '../../src/wire/tensor-section.ts';

export const TOKEN = 'fleet-token';

const TIMINGS: AnswerTimings = { queueUs: 10, loadUs: 0, runUs: 20, cold: false, queueDelayUs: 0 };

export interface FakeWorker {
  readonly member: Member;
  /** Every request frame that came, in order. */
  readonly requests: RequestFrame[];
  readonly cancelled: number[];
  /** Raw connections, to be killed, paused or written to. */
  readonly sockets: Set<Duplex>;
  close(): Promise<void>;
}

export interface FakeAnswer {
  echo(timings?: Partial<AnswerTimings>): void;
  tensors(tensors: readonly NamedTensor[], timings?: Partial<AnswerTimings>): void;
  fail(code: ErrorCode, message: string): void;
  readonly socket: Duplex;
}

export interface FakeWorkerOptions {
  readonly id?: string;
  readonly zone?: string;
  readonly port?: number;
  /** Answers a request, or doesn't. By default the inputs come back as outputs. */
  readonly onRequest?: (request: RequestFrame, answer: FakeAnswer) => void;
  /** Control calls get no answer at all. */
  readonly frozen?: boolean;
  /** Whether pings are answered; by default they are. */
  readonly answersPings?: () => boolean;
  /** An upgrade came with a wrong token. */
  readonly onRefused?: () => void;
  /** The control plane. */
  readonly onControl?: (request: IncomingMessage, body: unknown) => { status: number; body: unknown };
}

/** A worker that speaks the wire's protocol over a real socket and computes nothing. */
export async function startFakeWorker(options: FakeWorkerOptions = {}): Promise<FakeWorker> {
  const onRequest = options.onRequest ?? ((_request, answer) => answer.echo());
  const requests: RequestFrame[] = [];
  const cancelled: number[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body: unknown = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
      if (options.frozen === true) return;
      const isAllowed = request.headers.authorization === `Bearer ${TOKEN}`;
      const answer = isAllowed ? options.onControl?.(request, body) : { status: 401, body: {} };
      response.writeHead(answer?.status ?? 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer?.body ?? {}));
    })();
  });
  server.on('upgrade', (request, socket) => {
    // A router that goes away is no failure of a worker.
    socket.on('error', () => undefined);
    if (request.headers.authorization !== `Bearer ${TOKEN}`) {
      options.onRefused?.();
      socket.end('HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('end', () => socket.end());
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${FRAME_PROTOCOL}\r\n\r\n`,
    );
    const reader = new FrameReader(64 * 1024 * 1024);
    socket.on('data', (chunk: Buffer) =>
      reader.push(chunk, (bytes) => {
        const frame = decodeFrame(bytes);
        if (frame.type === 'cancel') cancelled.push(frame.id);
        if (frame.type === 'ping' && options.answersPings?.() !== false) socket.write(encodePong(0, false));
        if (frame.type !== 'request') return;
        requests.push(frame);
        onRequest(frame, answerTo(frame, socket));
      }),
    );
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    member: {
      id: options.id ?? `fake-${port}`,
      address: `http://127.0.0.1:${port}`,
      zone: options.zone ?? 'a',
      weight: 1,
    },
    requests,
    cancelled,
    sockets,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

function answerTo(request: RequestFrame, socket: Duplex): FakeAnswer {
  const good = (section: Uint8Array, timings: Partial<AnswerTimings> = {}): void => {
    socket.write(encodeAnswerHead(request.id, section.length, { ...TIMINGS, ...timings }));
    socket.write(section);
  };
  return {
    socket,
    echo: (timings) => good(request.section, timings),
    tensors: (tensors, timings) => {
      const section = Buffer.alloc(sectionBytes(tensors));
      writeSection(section, 0, tensors);
      good(section, timings);
    },
    fail: (code, message) =>
      void socket.write(encodeFailure(request.id, { code, message, retryAfterMs: 1_500 }, TIMINGS)),
  };
}

/** Answers like a model of routing-state.ts: each row's sum, in column Y. */
export function sumRows(request: RequestFrame, answer: FakeAnswer, timings?: Partial<AnswerTimings>): void {
  const input = readSection(request.section)[0] as NamedTensor;
  const values = new Float32Array(new Uint8Array(input.data).buffer);
  const sums = new Float32Array(values.length / 2).map(
    (_, row) => (values[2 * row] ?? 0) + (values[2 * row + 1] ?? 0),
  );
  const data = new Uint8Array(sums.buffer);
  answer.tensors([{ name: 'Y', datatype: 'FP32', shape: [sums.length, 1], data }], timings);
}
