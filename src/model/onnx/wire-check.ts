import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { invalid } from './faults.ts';
import { ModelProtoSchema } from './onnx_pb.ts';

/** Messages inside one another; a subgraph takes three levels. ONNX Runtime's own decoder stops at 100 as well. */
export const MAX_DEPTH = 100;
/** Messages and unknown fields in a file: bounds what decoding makes of a few bytes each. The largest model seen has some thousands. */
const MAX_PARTS = 2_000_000;

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

interface FieldRule {
  readonly name: string;
  readonly wire: number;
  readonly packable: boolean;
  readonly message?: DescMessage;
}

/**
 * Walks the file as protobuf before anything is built of it: every length within its parent, every known field in
 * its own wire type, bounded depth and number of messages. So truncated, random and foreign files end here, fast,
 * and the decoder and ONNX Runtime read the same file. Throws INVALID_ARTIFACT.
 */
export function checkWire(bytes: Uint8Array): void {
  const walk: Walk = { bytes, at: 0, parts: 0 };
  walkMessage(walk, ModelProtoSchema, bytes.byteLength, 1);
}

interface Walk {
  readonly bytes: Uint8Array;
  at: number;
  parts: number;
}

function walkMessage(walk: Walk, message: DescMessage, end: number, depth: number): void {
  if (depth > MAX_DEPTH)
    throw invalid(`the artifact nests deeper than ${MAX_DEPTH} messages at byte ${walk.at}`);
  countPart(walk);
  const rules = rulesOf(message);
  while (walk.at < end) {
    const start = walk.at;
    const tag = readVarint(walk, end);
    const wire = tag % 8;
    const number = Math.floor(tag / 8);
    if (number < 1 || number > 0x1fff_ffff) throw notOnnx(start, `field number ${number}`);
    const rule = rules.get(number);
    if (rule === undefined) countPart(walk);
    const packed = rule?.packable === true && wire === DELIMITED;
    if (rule !== undefined && rule.wire !== wire && !packed) {
      throw notOnnx(start, `${message.name}.${rule.name} has wire type ${wire}`);
    }
    if (wire === VARINT) readVarint(walk, end);
    else if (wire === FIXED64) skip(walk, 8, end, start);
    else if (wire === FIXED32) skip(walk, 4, end, start);
    else if (wire === DELIMITED) {
      const length = readVarint(walk, end);
      if (length > end - walk.at) {
        throw invalid(
          `the artifact is truncated or not an ONNX file: ${message.name} at byte ${start} holds ${length} bytes, ${end - walk.at} are there`,
        );
      }
      const stop = walk.at + length;
      if (rule?.message !== undefined) walkMessage(walk, rule.message, stop, depth + 1);
      else if (packed) checkPacked(walk, rule, stop, start);
      walk.at = stop;
    } else throw notOnnx(start, `wire type ${wire}`);
  }
}

function countPart(walk: Walk): void {
  if (++walk.parts > MAX_PARTS) throw invalid(`the artifact holds more than ${MAX_PARTS} parts`);
}

function checkPacked(walk: Walk, rule: FieldRule, stop: number, start: number): void {
  const width = rule.wire === FIXED32 ? 4 : rule.wire === FIXED64 ? 8 : 0;
  if (
    width > 0 ? (stop - walk.at) % width !== 0 : stop > walk.at && (walk.bytes[stop - 1] as number) > 0x7f
  ) {
    throw notOnnx(start, `${rule.name} ends inside a value`);
  }
}

function skip(walk: Walk, count: number, end: number, start: number): void {
  if (count > end - walk.at) throw notOnnx(start, 'the end inside a value');
  walk.at += count;
}

/** Up to ten bytes; beyond 2^53 it isn't exact, which lengths and tags never reach. */
function readVarint(walk: Walk, end: number): number {
  const start = walk.at;
  let value = 0;
  let scale = 1;
  for (let count = 0; count < 10; count++) {
    if (walk.at >= end) throw notOnnx(start, 'the end inside a number');
    const byte = walk.bytes[walk.at++] as number;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
  throw notOnnx(start, 'a number of more than ten bytes');
}

function notOnnx(at: number, found: string): Error {
  return invalid(`the artifact is not an ONNX file: ${found} at byte ${at}`);
}

const rulesByMessage = new WeakMap<DescMessage, ReadonlyMap<number, FieldRule>>();

function rulesOf(message: DescMessage): ReadonlyMap<number, FieldRule> {
  let rules = rulesByMessage.get(message);
  if (rules === undefined) {
    rules = new Map(message.fields.map((field) => [field.number, ruleOf(field)]));
    rulesByMessage.set(message, rules);
  }
  return rules;
}

function ruleOf(field: DescField): FieldRule {
  if (field.message !== undefined)
    return { name: field.name, wire: DELIMITED, packable: false, message: field.message };
  const wire = wireOf(field.scalar);
  return { name: field.name, wire, packable: field.fieldKind === 'list' && wire !== DELIMITED };
}

function wireOf(scalar: ScalarType | undefined): number {
  if (scalar === ScalarType.STRING || scalar === ScalarType.BYTES) return DELIMITED;
  if (scalar === ScalarType.FLOAT) return FIXED32;
  return scalar === ScalarType.DOUBLE ? FIXED64 : VARINT;
}
