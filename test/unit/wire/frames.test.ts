import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ERRORS, type ErrorCode } from '../../../src/core/errors.ts';
import { FrameReader } from '../../../src/wire/frame-reader.ts';
import {
  decodeFrame,
  encodeAnswerHead,
  encodeCancel,
  encodeFailure,
  encodePong,
  encodeRequest,
  type Frame,
  FrameError,
  maxFrameBytes,
  PING_FRAME,
} from '../../../src/wire/frames.ts';
import { readSection, sectionBytes, writeSection } from '../../../src/wire/tensor-section.ts';
import { tensors } from '../../support/wire-arbitraries.ts';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const timings = fc.record(
  {
    queueUs: u32,
    loadUs: u32,
    runUs: u32,
    cold: fc.boolean(),
    queueDelayUs: u32,
  },
  { noNullPrototype: true },
);
const request = fc.record(
  {
    id: u32,
    key: fc.stringMatching(/^[a-z0-9/._@:-]{0,300}$/),
    timeoutMs: u32,
    partRows: u32,
    residentBytes: fc.maxSafeNat(),
    background: fc.boolean(),
  },
  { noNullPrototype: true },
);
const failure = fc.record(
  {
    code: fc.constantFrom(...(Object.keys(ERRORS) as ErrorCode[])),
    message: fc.string({ unit: 'grapheme' }).map((text) => text.toWellFormed()),
    retryAfterMs: u32,
  },
  { noNullPrototype: true },
);

/** A frame as bytes, and what decoding it must give (tensors read from their section). */
const frame = fc.oneof(
  fc.tuple(request, tensors).map(([head, list]) => ({
    bytes: encodeRequest(head, list),
    expected: { type: 'request', ...head, section: list },
  })),
  u32.map((id) => ({ bytes: encodeCancel(id), expected: { type: 'cancel', id } })),
  fc.constant({ bytes: PING_FRAME, expected: { type: 'ping' } }),
  fc.tuple(u32, fc.boolean()).map(([queueDelayUs, draining]) => ({
    bytes: encodePong(queueDelayUs, draining),
    expected: { type: 'pong', queueDelayUs, draining },
  })),
  fc.tuple(u32, tensors, timings).map(([id, list, times]) => {
    const section = Buffer.alloc(sectionBytes(list));
    writeSection(section, 0, list);
    return {
      bytes: Buffer.concat([encodeAnswerHead(id, section.length, times), section]),
      expected: { type: 'answer', id, ...times, result: { ok: true, section: list } },
    };
  }),
  fc.tuple(u32, failure, timings).map(([id, why, times]) => ({
    bytes: encodeFailure(id, why, times),
    expected: { type: 'answer', id, ...times, result: { ok: false, ...why } },
  })),
);

test('frames come back whole and in order, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 200 })),
      (frames, cuts) => {
        const stream = Buffer.concat(frames.map((one) => one.bytes));
        const reader = new FrameReader(1_000_000);
        const got: unknown[] = [];
        for (const chunk of chunks(stream, cuts))
          reader.push(chunk, (bytes) => got.push(open(decodeFrame(bytes))));
        assert.deepEqual(
          got,
          frames.map((one) => one.expected),
        );
      },
    ),
  );
});

/** Cuts by the sizes given, in turn; what is left comes as one chunk. */
function* chunks(stream: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let at = 0;
  for (const size of sizes) {
    // Copies, so that nothing can depend on chunks lying side by side in memory.
    yield Buffer.from(stream.subarray(at, at + size));
    at += size;
  }
  yield Buffer.from(stream.subarray(at));
}

function open(decoded: Frame): unknown {
  if (decoded.type === 'request') return { ...decoded, section: readTensors(decoded.section) };
  if (decoded.type !== 'answer' || !decoded.result.ok) return decoded;
  return { ...decoded, result: { ok: true, section: readTensors(decoded.result.section) } };
}

function readTensors(section: Uint8Array): unknown {
  return readSection(section).map((tensor) => ({ ...tensor, data: Uint8Array.from(tensor.data) }));
}

test('random bytes are frames of ours or a FrameError, nothing else', () => {
  const mutated = fc
    .tuple(frame, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }))
    .map(([one, changes]) => {
      const bytes = Buffer.from(one.bytes);
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return bytes;
    });
  const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(mutated, noise), (bytes) => {
      const reader = new FrameReader(10_000);
      try {
        reader.push(bytes, (one) => decodeFrame(one));
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});

test('a frame cut short is a FrameError', () => {
  fc.assert(
    fc.property(frame, fc.nat(), (one, cut) => {
      const short = one.bytes.subarray(0, cut % one.bytes.length);
      assert.throws(() => decodeFrame(short), FrameError);
    }),
  );
});

test('a length that cannot be is refused as soon as it is read', () => {
  for (const length of [0, 8, 17, 100_000, 0xffff_fff8]) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(length);
    const reader = new FrameReader(10_000);
    assert.throws(() => reader.push(bytes, () => assert.fail()), FrameError);
  }
});

test('numbers beyond 32 bits are cut to the largest, not wrapped', () => {
  const head = encodeAnswerHead(1, 8, {
    queueUs: 2 ** 40,
    loadUs: -1,
    runUs: 1.6,
    cold: true,
    queueDelayUs: 0,
  });
  const decoded = decodeFrame(Buffer.concat([head, Buffer.alloc(8)]));
  assert.ok(decoded.type === 'answer');
  assert.deepEqual([decoded.queueUs, decoded.loadUs, decoded.runUs], [0xffff_ffff, 0, 2]);
});

test('resident bytes that are no size are refused', () => {
  for (const residentBytes of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    const head = { id: 1, key: 'k', timeoutMs: 1, partRows: 0, residentBytes, background: false };
    assert.throws(() => decodeFrame(encodeRequest(head, [])), /resident bytes/);
  }
});

test('a frame has room for all that one request may hold', () => {
  const head = {
    id: 1,
    key: 'k'.repeat(400),
    timeoutMs: 1,
    partRows: 0,
    residentBytes: 1,
    background: false,
  };
  const limits = { inputBytes: 8_001, workerQueueBytes: 10 };
  const data = new Uint8Array(limits.inputBytes);
  const tensor = { name: 'x'.repeat(60_000), datatype: 'BOOL' as const, shape: [data.length], data };
  assert.ok(encodeRequest(head, [tensor]).length <= maxFrameBytes(limits));
});
