import type { Duplex } from 'node:stream';
import { FrameReader } from '../wire/frame-reader.ts';
import {
  decodeFrame,
  encodeAnswerHead,
  encodeFailure,
  encodePong,
  FrameError,
  type RequestFrame,
} from '../wire/frames.ts';
import type { Host } from './host.ts';
import type { Job } from './job.ts';
import type { HeldModels } from './lane/held.ts';

/** While more than this waits to be read by the peer, no more requests are read from it. */
const PAUSE_BYTES = 1024 * 1024;
/** Answers up to this are copied together into one write; larger ones aren't copied. */
const COPY_BYTES = 16 * 1024;
/** How long a closing connection may take to send its last answers. */
const END_MS = 1_000;

export interface FrameConnectionOptions {
  readonly socket: Duplex;
  /** What came with the upgrade request already. */
  readonly head: Buffer;
  readonly host: Host;
  readonly held: HeldModels;
  readonly maxFrameBytes: number;
  /** Why the connection ended, when that was an error. */
  readonly onError: (error: Error) => void;
}

/** One router's connection: frames in, answers out in any order, gathered into one write a turn of the loop. */
export class FrameConnection {
  readonly #socket: Duplex;
  readonly #host: Host;
  readonly #held: HeldModels;
  readonly #reader: FrameReader;
  readonly #onError: (error: Error) => void;
  readonly #jobs = new Map<number, Job>();
  #outgoing: Uint8Array[] = [];
  #flushScheduled = false;
  readonly #tellHeld = (frame: Buffer): void => this.#send(frame);

  constructor(options: FrameConnectionOptions) {
    this.#socket = options.socket;
    this.#host = options.host;
    this.#held = options.held;
    this.#reader = new FrameReader(options.maxFrameBytes);
    this.#onError = options.onError;
    const { socket } = options;
    socket.on('error', (error) => this.#onError(error));
    socket.on('close', () => this.#onClose());
    socket.on('end', () => socket.end());
    socket.on('drain', () => socket.resume());
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    if (options.head.length > 0) this.#onData(options.head);
    this.#held.join(this.#tellHeld);
  }

  /** Sends what is still to be sent and closes, whether or not the peer reads it. */
  end(): void {
    this.#flush();
    const timer = setTimeout(() => this.#socket.destroy(), END_MS);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.end(() => this.#socket.destroy());
  }

  #onData(chunk: Buffer): void {
    try {
      this.#reader.push(chunk, (frame) => this.#onFrame(frame));
    } catch (error) {
      const { message } = error as Error;
      this.#socket.destroy(error instanceof FrameError ? error : new FrameError(message));
    }
  }

  #onFrame(bytes: Buffer): void {
    const frame = decodeFrame(bytes);
    if (frame.type === 'request') this.#onRequest(frame);
    else if (frame.type === 'cancel') this.#onCancel(frame.id);
    else if (frame.type === 'ping') this.#send(encodePong(this.#host.queueDelayUs(), this.#host.draining));
    else throw new FrameError(`a router sent a ${frame.type} frame`);
  }

  #onRequest(request: RequestFrame): void {
    const { id } = request;
    if (this.#jobs.has(id)) throw new FrameError(`request id ${id} is under way already`);
    const job = this.#host.submit(request, (result, jobTimings) => {
      this.#jobs.delete(id);
      const timings = { ...jobTimings, queueDelayUs: this.#host.queueDelayUs() };
      if (!result.ok) this.#send(encodeFailure(id, result, timings));
      else {
        this.#send(encodeAnswerHead(id, result.section.byteLength, timings));
        this.#send(result.section);
      }
    });
    this.#jobs.set(id, job);
  }

  #onCancel(id: number): void {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    this.#jobs.delete(id);
    this.#host.cancel(job);
  }

  #onClose(): void {
    this.#held.leave(this.#tellHeld);
    for (const job of this.#jobs.values()) this.#host.cancel(job);
    this.#jobs.clear();
    this.#outgoing = [];
  }

  #send(bytes: Uint8Array): void {
    this.#outgoing.push(bytes);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    // After every answer of the lane's message that is being settled now.
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#flushScheduled = false;
    const pieces = this.#outgoing;
    if (pieces.length === 0 || this.#socket.destroyed) return;
    this.#outgoing = [];
    this.#socket.cork();
    let small: Uint8Array[] = [];
    for (const piece of pieces) {
      if (piece.byteLength <= COPY_BYTES) small.push(piece);
      else {
        this.#writeTogether(small);
        small = [];
        this.#socket.write(piece);
      }
    }
    this.#writeTogether(small);
    this.#socket.uncork();
    if (this.#socket.writableLength > PAUSE_BYTES) this.#socket.pause();
  }

  #writeTogether(pieces: readonly Uint8Array[]): void {
    if (pieces.length > 0) this.#socket.write(Buffer.concat(pieces));
  }
}
