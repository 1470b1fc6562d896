import { createHash } from 'node:crypto';
import type { Digest } from '../../core/ids.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { PlanStructure } from './structure.ts';

/**
 * One model's own numbers, used as they lie on disk. Little-endian, every section on a multiple of 8:
 *   0 u32 magic | 4 u32 sections | 8 u32 work | 12 u32 bytes | 16 structure digest (32 bytes) |
 *   48 u32 offset of each section, from the blob's start | pad | sections
 */
export const PLAN_MAGIC = 0x4e4c5053;
const DIGEST_AT = 16;
/** Where the table of sections begins, in 32-bit words. */
export const SECTIONS_WORD = 12;

export type SectionData = Uint8Array | Uint16Array | Int32Array | Float32Array | Float64Array;

export interface EncodedPlan {
  readonly structureDigest: Digest;
  /** Canonical JSON of the structure. */
  readonly structure: Uint8Array;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

export interface PlanHead {
  readonly structureDigest: Digest;
  /** Elementary operations a row, about a nanosecond each: what a run is estimated by. */
  readonly work: number;
}

/** The same plan gives the same bytes on every machine. */
export function encodePlan(
  structure: PlanStructure,
  sections: readonly SectionData[],
  work: number,
): EncodedPlan {
  const structureBytes = Buffer.from(canonicalJson(structure));
  const structureHash = createHash('sha256').update(structureBytes).digest();
  let at = align8(4 * (SECTIONS_WORD + sections.length));
  const offsets = sections.map((section) => {
    const offset = at;
    at = align8(at + section.byteLength);
    return offset;
  });
  const bytes = Buffer.from(new ArrayBuffer(at));
  bytes.writeUInt32LE(PLAN_MAGIC, 0);
  bytes.writeUInt32LE(sections.length, 4);
  bytes.writeUInt32LE(Math.min(0xffff_ffff, Math.ceil(work)), 8);
  bytes.writeUInt32LE(at, 12);
  structureHash.copy(bytes, DIGEST_AT);
  for (const [index, section] of sections.entries()) {
    const offset = offsets[index] as number;
    bytes.writeUInt32LE(offset, 4 * (SECTIONS_WORD + index));
    bytes.set(new Uint8Array(section.buffer, section.byteOffset, section.byteLength), offset);
    clearNans(section, bytes.buffer, offset);
  }
  return {
    structureDigest: `sha256:${structureHash.toString('hex')}`,
    structure: structureBytes,
    digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    bytes: new Uint8Array(bytes.buffer),
  };
}

/** NaN has many bits, which processors choose and copies may change: in plans it has one. */
function clearNans(section: SectionData, buffer: ArrayBuffer, offset: number): void {
  if (section instanceof Float32Array) {
    const words = new Uint32Array(buffer, offset, section.length);
    for (let at = 0; at < words.length; at++) if (Number.isNaN(section[at])) words[at] = 0x7fc0_0000;
  } else if (section instanceof Float64Array) {
    const words = new Uint32Array(buffer, offset, 2 * section.length);
    for (let at = 0; at < section.length; at++) {
      if (!Number.isNaN(section[at])) continue;
      words[2 * at] = 0;
      words[2 * at + 1] = 0x7ff8_0000;
    }
  }
}

/** Undefined when the bytes are no plan, or cut. */
export function readHead(bytes: Uint8Array): PlanHead | undefined {
  if (bytes.byteLength < 4 * SECTIONS_WORD) return undefined;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.readUInt32LE(0) !== PLAN_MAGIC || view.readUInt32LE(12) !== bytes.byteLength) return undefined;
  const hex = view.toString('hex', DIGEST_AT, DIGEST_AT + 32);
  return { structureDigest: `sha256:${hex}`, work: view.readUInt32LE(8) };
}

function align8(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}
