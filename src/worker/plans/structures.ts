import { ShoalError } from '../../core/errors.ts';
import type { Digest } from '../../core/ids.ts';
import { PLAN_FORMAT, type PlanStructure } from '../../model/plan/structure.ts';
import { PlanProgram } from '../../runtime/plan/program.ts';

/** Of those that no resident plan has, so many are kept: the next one may have it again. */
const KEPT_UNUSED = 64;
/** What a structure takes in memory for each byte of its text: parsed, with its kernels. */
const BYTES_A_TEXT_BYTE = 10;

/** What plans of one shape share, ready to run. */
export interface Structure {
  /** Never used for another. */
  readonly id: number;
  readonly digest: Digest;
  readonly text: Uint8Array;
  readonly program: PlanProgram;
  readonly bytes: number;
  /** Resident plans that have it. */
  plans: number;
}

/** The structures of the resident plans: each is read, checked and made ready once. */
export class Structures {
  readonly #byDigest = new Map<Digest, Structure>();
  readonly #byId = new Map<number, Structure>();
  /** Without a plan, longest first. */
  readonly #unused = new Set<Structure>();
  #nextId = 1;
  #bytes = 0;

  get count(): number {
    return this.#byId.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  byId(id: number): Structure {
    return this.#byId.get(id) as Structure;
  }

  byDigest(digest: Digest): Structure | undefined {
    return this.#byDigest.get(digest);
  }

  /** Throws UNSUPPORTED_ARTIFACT. */
  add(digest: Digest, text: Uint8Array): Structure {
    const program = makeProgram(text);
    const bytes = BYTES_A_TEXT_BYTE * text.byteLength;
    const structure = { id: this.#nextId++, digest, text, program, bytes, plans: 0 };
    this.#byDigest.set(digest, structure);
    this.#byId.set(structure.id, structure);
    this.#bytes += bytes;
    this.#leaveUnused(structure);
    return structure;
  }

  /** One more resident plan has it. */
  use(structure: Structure): void {
    structure.plans++;
    this.#unused.delete(structure);
  }

  /** One less. */
  unuse(id: number): void {
    const structure = this.byId(id);
    structure.plans--;
    if (structure.plans === 0) this.#leaveUnused(structure);
  }

  /** Forgets those that no plan has. */
  trim(kept = 0): void {
    for (const structure of this.#unused) {
      if (this.#unused.size <= kept) return;
      this.#unused.delete(structure);
      this.#byDigest.delete(structure.digest);
      this.#byId.delete(structure.id);
      this.#bytes -= structure.bytes;
    }
  }

  #leaveUnused(structure: Structure): void {
    this.#unused.add(structure);
    this.trim(KEPT_UNUSED);
  }
}

/** Throws UNSUPPORTED_ARTIFACT when this version of the code can't run it. */
export function makeProgram(text: Uint8Array): PlanProgram {
  const structure = JSON.parse(Buffer.from(text).toString()) as PlanStructure;
  const { format } = structure as { format: unknown };
  if (format !== PLAN_FORMAT)
    throw new ShoalError(
      'UNSUPPORTED_ARTIFACT',
      `the version's plan has format ${String(format)}, this worker runs format ${PLAN_FORMAT}: register the version anew`,
    );
  try {
    return new PlanProgram(structure);
  } catch (cause) {
    const message = `the version's plan can't be run by this worker: ${(cause as Error).message}; register the version anew`;
    throw new ShoalError('UNSUPPORTED_ARTIFACT', message, { cause });
  }
}
