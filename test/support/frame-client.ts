import type { Duplex } from 'node:stream';
import { Client } from 'undici';
import type { NamedTensor } from '../../src/model/signature.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import {
  type AnswerFrame,
  type HeldFrame,
  decodeFrame,
  encodeCancel,
  encodeRequest,
  FRAME_PATH,
  FRAME_PROTOCOL,
} from '../../src/wire/frames.ts';
import { readSection } from '../../src/wire/tensor-section.ts';

export interface Ask {
  readonly key: string;
  readonly tensors: readonly NamedTensor[];
  readonly residentBytes?: number;
  readonly timeoutMs?: number;
  readonly partRows?: number;
  readonly background?: boolean;
}

/** A router's side of one frame connection, as plain as can be. */
export class FrameClient {
  readonly socket: Duplex;
  readonly closed: Promise<void>;
  /** What the worker told of models that hold a lane, in order. */
  readonly held: HeldFrame[] = [];
  #onHeld: (() => void) | undefined;
  readonly #client: Client;
  readonly #pending = new Map<number, (answer: AnswerFrame) => void>();
  #nextId = 1;

  private constructor(client: Client, socket: Duplex) {
    this.#client = client;
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    const reader = new FrameReader(256 * 1024 * 1024);
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('data', (chunk: Buffer) =>
      reader.push(chunk, (bytes) => {
        const frame = decodeFrame(bytes);
        if (frame.type === 'held') {
          this.held.push(frame);
          this.#onHeld?.();
          return;
        }
        if (frame.type !== 'answer') throw new Error(`a worker sent ${frame.type}`);
        this.#pending.get(frame.id)?.(frame);
        this.#pending.delete(frame.id);
      }),
    );
  }

  static async connect(address: string, token: string): Promise<FrameClient> {
    const client = new Client(address, { allowH2: false });
    const headers = { authorization: `Bearer ${token}` };
    const { socket } = await client.upgrade({ path: FRAME_PATH, protocol: FRAME_PROTOCOL, headers });
    return new FrameClient(client, socket);
  }

  /** Never settles when the connection is lost or the request is cancelled. */
  ask(ask: Ask): Promise<AnswerFrame> {
    return this.start(ask).answer;
  }

  start(ask: Ask): { id: number; answer: Promise<AnswerFrame> } {
    const id = this.#nextId++;
    const { key, residentBytes = 100_000, timeoutMs = 20_000, partRows = 0, background = false } = ask;
    const answer = new Promise<AnswerFrame>((resolve) => this.#pending.set(id, resolve));
    this.socket.write(
      encodeRequest({ id, key, timeoutMs, partRows, residentBytes, background }, ask.tensors),
    );
    return { id, answer };
  }

  /** The held frame number `index`, once it has come. */
  async heldFrame(index: number): Promise<HeldFrame> {
    while (this.held.length <= index) await new Promise<void>((resolve) => (this.#onHeld = resolve));
    return this.held[index] as HeldFrame;
  }

  cancel(id: number): void {
    this.socket.write(encodeCancel(id));
  }

  async close(): Promise<void> {
    this.socket.destroy();
    await this.closed;
    await this.#client.destroy();
  }
}

/** The outputs of a good answer; throws with code and message otherwise. */
export function outputsOf(answer: AnswerFrame): NamedTensor[] {
  if (!answer.result.ok) throw new Error(`${answer.result.code}: ${answer.result.message}`);
  return readSection(answer.result.section);
}
