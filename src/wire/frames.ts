import { type ErrorCode, isErrorCode } from '../core/errors.ts';
import type { NamedTensor } from '../model/signature.ts';
import type { ModelKey } from './model-key.ts';
import { align8, sectionBytes, writeSection } from './tensor-section.ts';

/**
 * Router <-> worker: one connection (HTTP/1.1 Upgrade, protocol `shoal-frames/<version>`), frames both ways, answers in
 * any order. All integers little-endian; a frame's length is a multiple of 8 and counts the whole frame.
 * A worker's main thread reads the 32-byte head and the key; the tensor section goes to a lane as it lies.
 */
/** Changed with what frames mean: a worker refuses a router that speaks another one, and says which it speaks. */
export const FRAME_PROTOCOL = 'shoal-frames/1';
export const FRAME_PATH = '/frames';
export const HEAD_BYTES = 32;

/** What a frame may hold besides the data of its tensors: head, key, names and shapes. */
const BESIDE_DATA_BYTES = 1024 * 1024;

/** The longest frame that either side takes: one request always fits, whatever else waits. */
export function maxFrameBytes(limits: {
  readonly inputBytes: number;
  readonly workerQueueBytes: number;
}): number {
  return align8(Math.max(limits.inputBytes, limits.workerQueueBytes)) + BESIDE_DATA_BYTES;
}

const REQUEST = 1;
const CANCEL = 2;
const ANSWER = 3;
const HELD = 4;
const PING = 5;
const PONG = 6;

/** Flag of a request. */
const BACKGROUND = 1;
/** Flag of a pong. */
const DRAINING = 1;
/** A cancel, ping or pong; the least that any frame has. */
const SHORT_BYTES = 16;

/** Why a frame connection must be dropped: what came is not our protocol. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/**
 * 0 u32 length | 4 u8 type | 5 zero | 6 u16 key bytes | 8 u32 id | 12 u32 timeout ms | 16 u32 part rows |
 * 20 u32 flags: 1 background | 24 f64 resident bytes | 32 key, pad | tensor section
 */
export interface RequestFrame {
  readonly type: 'request';
  /** Unique among the requests under way on this connection. */
  readonly id: number;
  readonly key: ModelKey;
  /** What is left of the caller's deadline, counted from arrival. */
  readonly timeoutMs: number;
  /** 0: run as it is. Else the model takes exactly so many rows: run in parts, pad the last. */
  readonly partRows: number;
  /** What admission measured; what the worker reserves before it loads. */
  readonly residentBytes: number;
  /** Runs only when nothing else waits, and evicts nothing: shadow work. */
  readonly background: boolean;
  readonly section: Uint8Array;
}

/** The caller went away or timed out: drop the request if it has not begun. */
export interface CancelFrame {
  readonly type: 'cancel';
  readonly id: number;
}

export interface AnswerTimings {
  readonly queueUs: number;
  readonly loadUs: number;
  readonly runUs: number;
  /** This request waited for a load. */
  readonly cold: boolean;
  /** How long a request arriving now would wait at this worker: what routers compare workers by. */
  readonly queueDelayUs: number;
}

/**
 * 0 u32 length | 4 u8 type | 5 u8 ok | 6 u8 cold | 7 zero | 8 u32 id | 12 u32 queue us | 16 u32 load us |
 * 20 u32 run us | 24 u32 queue delay us | 28 u32 retry after ms | 32 tensor section, or u32 code bytes,
 * u32 message bytes, code, message, pad
 */
export interface AnswerFrame extends AnswerTimings {
  readonly type: 'answer';
  readonly id: number;
  readonly result:
    | { readonly ok: true; readonly section: Uint8Array }
    | {
        readonly ok: false;
        readonly code: ErrorCode;
        readonly message: string;
        readonly retryAfterMs: number;
      };
}

/**
 * Worker -> every router: a run of this model has held its lane for longer than `laneOverrunMs`; or it no longer does.
 * Until then the model must not be tried on another worker, or one endless run after the other would hold them all.
 */
export interface HeldFrame {
  readonly type: 'held';
  readonly key: ModelKey;
  readonly isHeld: boolean;
}

/** Router -> worker, where nothing was heard for a while: its main thread answers at once, whatever its lanes do. */
export interface PingFrame {
  readonly type: 'ping';
}

/** 0 u32 length | 4 u8 type | 5 u8 flags: 1 draining | 6 zero | 8 u32 queue delay us | 12 zero */
export interface PongFrame {
  readonly type: 'pong';
  readonly queueDelayUs: number;
  /** It takes no new requests. */
  readonly draining: boolean;
}

export type Frame = RequestFrame | CancelFrame | AnswerFrame | HeldFrame | PingFrame | PongFrame;

export function encodeRequest(
  request: Omit<RequestFrame, 'section' | 'type'>,
  tensors: readonly NamedTensor[],
): Buffer {
  const keyLength = Buffer.byteLength(request.key);
  const sectionStart = align8(HEAD_BYTES + keyLength);
  const frame = Buffer.alloc(sectionStart + sectionBytes(tensors));
  frame.writeUInt32LE(frame.length, 0);
  frame[4] = REQUEST;
  frame.writeUInt16LE(keyLength, 6);
  frame.writeUInt32LE(request.id, 8);
  frame.writeUInt32LE(request.timeoutMs, 12);
  frame.writeUInt32LE(request.partRows, 16);
  frame.writeUInt32LE(request.background ? BACKGROUND : 0, 20);
  frame.writeDoubleLE(request.residentBytes, 24);
  frame.write(request.key, HEAD_BYTES);
  writeSection(frame, sectionStart, tensors);
  return frame;
}

export function encodeCancel(id: number): Buffer {
  const frame = emptyFrame(CANCEL);
  frame.writeUInt32LE(id, 8);
  return frame;
}

/** 0 u32 length | 4 u8 type | 5 u8 is held | 6 u16 key bytes | 8 key, pad */
export function encodeHeld(key: ModelKey, isHeld: boolean): Buffer {
  const keyLength = Buffer.byteLength(key);
  const frame = Buffer.alloc(Math.max(SHORT_BYTES, align8(8 + keyLength)));
  frame.writeUInt32LE(frame.length, 0);
  frame[4] = HELD;
  frame[5] = isHeld ? 1 : 0;
  frame.writeUInt16LE(keyLength, 6);
  frame.write(key, 8);
  return frame;
}

/** Always the same bytes, and nobody writes into them. */
export const PING_FRAME: Buffer = emptyFrame(PING);

export function encodePong(queueDelayUs: number, draining: boolean): Buffer {
  const frame = emptyFrame(PONG);
  frame[5] = draining ? DRAINING : 0;
  frame.writeUInt32LE(clampU32(queueDelayUs), 8);
  return frame;
}

function emptyFrame(type: number): Buffer {
  const frame = Buffer.alloc(SHORT_BYTES);
  frame.writeUInt32LE(SHORT_BYTES, 0);
  frame[4] = type;
  return frame;
}

/** The head of a good answer; the tensor section (already encoded by the lane) is written right after it. */
export function encodeAnswerHead(id: number, sectionLength: number, timings: AnswerTimings): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES).fill(0);
  head.writeUInt32LE(HEAD_BYTES + sectionLength, 0);
  head[4] = ANSWER;
  head[5] = 1;
  writeTimings(head, id, timings);
  return head;
}

export function encodeFailure(
  id: number,
  failure: { code: ErrorCode; message: string; retryAfterMs: number },
  timings: AnswerTimings,
): Buffer {
  const code = Buffer.from(failure.code);
  const message = Buffer.from(failure.message);
  const frame = Buffer.alloc(align8(HEAD_BYTES + 8 + code.length + message.length));
  frame.writeUInt32LE(frame.length, 0);
  frame[4] = ANSWER;
  writeTimings(frame, id, timings);
  frame.writeUInt32LE(Math.min(failure.retryAfterMs, 0xffff_ffff), 28);
  frame.writeUInt32LE(code.length, HEAD_BYTES);
  frame.writeUInt32LE(message.length, HEAD_BYTES + 4);
  code.copy(frame, HEAD_BYTES + 8);
  message.copy(frame, HEAD_BYTES + 8 + code.length);
  return frame;
}

function writeTimings(frame: Buffer, id: number, timings: AnswerTimings): void {
  frame[6] = timings.cold ? 1 : 0;
  frame.writeUInt32LE(id, 8);
  frame.writeUInt32LE(clampU32(timings.queueUs), 12);
  frame.writeUInt32LE(clampU32(timings.loadUs), 16);
  frame.writeUInt32LE(clampU32(timings.runUs), 20);
  frame.writeUInt32LE(clampU32(timings.queueDelayUs), 24);
}

function clampU32(value: number): number {
  return Math.max(0, Math.min(0xffff_ffff, Math.round(value)));
}

/** One whole frame (as cut by FrameReader). Throws FrameError when it is not one of ours. */
export function decodeFrame(frame: Buffer): Frame {
  if (frame.length < SHORT_BYTES || frame.readUInt32LE(0) !== frame.length)
    throw new FrameError(`${frame.length} bytes are not one whole frame`);
  const type = frame[4];
  if (type === CANCEL) return { type: 'cancel', id: frame.readUInt32LE(8) };
  if (type === HELD) return decodeHeld(frame);
  if (type === PING) return { type: 'ping' };
  if (type === PONG)
    return { type: 'pong', queueDelayUs: frame.readUInt32LE(8), draining: (frame[5] ?? 0) === DRAINING };
  if (frame.length < HEAD_BYTES + 8)
    throw new FrameError(`a frame of type ${type} has only ${frame.length} bytes`);
  if (type === REQUEST) return decodeRequest(frame);
  if (type === ANSWER) return decodeAnswer(frame);
  throw new FrameError(`unknown frame type ${type}`);
}

function decodeHeld(frame: Buffer): HeldFrame {
  const keyEnd = 8 + frame.readUInt16LE(6);
  if (keyEnd > frame.length) throw new FrameError('held frame ends before its key');
  return { type: 'held', key: frame.toString('latin1', 8, keyEnd), isHeld: frame[5] === 1 };
}

function decodeRequest(frame: Buffer): RequestFrame {
  const keyLength = frame.readUInt16LE(6);
  const sectionStart = align8(HEAD_BYTES + keyLength);
  if (sectionStart + 8 > frame.length) throw new FrameError('request frame ends before its tensors');
  const residentBytes = frame.readDoubleLE(24);
  if (!(residentBytes >= 0 && residentBytes <= Number.MAX_SAFE_INTEGER))
    throw new FrameError(`request frame says ${residentBytes} resident bytes`);
  return {
    type: 'request',
    id: frame.readUInt32LE(8),
    key: frame.toString('latin1', HEAD_BYTES, HEAD_BYTES + keyLength),
    timeoutMs: frame.readUInt32LE(12),
    partRows: frame.readUInt32LE(16),
    background: (frame.readUInt32LE(20) & BACKGROUND) !== 0,
    residentBytes,
    section: frame.subarray(sectionStart),
  };
}

function decodeAnswer(frame: Buffer): AnswerFrame {
  const common = {
    type: 'answer' as const,
    id: frame.readUInt32LE(8),
    cold: frame[6] === 1,
    queueUs: frame.readUInt32LE(12),
    loadUs: frame.readUInt32LE(16),
    runUs: frame.readUInt32LE(20),
    queueDelayUs: frame.readUInt32LE(24),
  };
  if (frame[5] === 1) return { ...common, result: { ok: true, section: frame.subarray(HEAD_BYTES) } };
  const codeEnd = HEAD_BYTES + 8 + frame.readUInt32LE(HEAD_BYTES);
  const messageEnd = codeEnd + frame.readUInt32LE(HEAD_BYTES + 4);
  if (messageEnd > frame.length) throw new FrameError('failure frame ends before its message');
  const code = frame.toString('latin1', HEAD_BYTES + 8, codeEnd);
  if (!isErrorCode(code)) throw new FrameError(`unknown error code in a frame`);
  const retryAfterMs = frame.readUInt32LE(28);
  return {
    ...common,
    result: { ok: false, code, message: frame.toString('utf8', codeEnd, messageEnd), retryAfterMs },
  };
}
