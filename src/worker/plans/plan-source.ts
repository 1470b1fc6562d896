import { ShoalError } from '../../core/errors.ts';
import type { Digest } from '../../core/ids.ts';
import { readHead, SECTIONS_WORD } from '../../model/plan/blob.ts';
import type { PlanReader } from '../../stores/plans/plans.ts';
import type { Structure, Structures } from './structures.ts';

/** A plan as it came from the store. */
export interface ReadPlan {
  readonly blob: Uint8Array;
  readonly structure: Structure;
}

/** Undefined: it isn't there. Throws STORE_UNAVAILABLE, UNSUPPORTED_ARTIFACT. */
export function readPlan(
  reader: PlanReader,
  structures: Structures,
  digest: Digest,
): ReadPlan | 'no-structure' | undefined {
  const blob = reader.read(digest);
  if (blob === undefined) return undefined;
  const head = readHead(blob);
  if (head === undefined || !areSectionsInside(blob))
    throw new ShoalError('STORE_UNAVAILABLE', `what the store has as plan ${digest} is no whole plan`);
  const { structureDigest } = head;
  const known = structures.byDigest(structureDigest);
  if (known !== undefined) return { blob, structure: known };
  const text = reader.readStructure(structureDigest);
  if (text === undefined) return 'no-structure';
  return { blob, structure: structures.add(structureDigest, text) };
}

/** Plans of strangers lie next to each other: none may point beyond itself. */
function areSectionsInside(blob: Uint8Array): boolean {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const sections = view.getUint32(4, true);
  let from = 4 * (SECTIONS_WORD + sections);
  if (from > blob.byteLength) return false;
  for (let index = 0; index < sections; index++) {
    const offset = view.getUint32(4 * (SECTIONS_WORD + index), true);
    if (offset % 8 !== 0 || offset < from || offset > blob.byteLength) return false;
    from = offset;
  }
  return true;
}
