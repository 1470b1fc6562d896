import { ShoalError } from '../../core/errors.ts';
import type { NamedTensor } from '../../model/signature.ts';
import type { LaneAnswer, LaneFailure, LaneLoaded } from '../../wire/lane.ts';
import { sectionBytes, writeSection } from '../../wire/tensor-section.ts';

/**
 * The answer to one message as it grows. Each run's outputs are written as soon as they are there, so that no more
 * than one run's tensors are held at a time, and outputs that can't be answered fail their own run and no other.
 */
export class Answer {
  readonly #maxSectionBytes: number;
  readonly #outcomes: number[] = [];
  readonly #failures: LaneFailure[] = [];
  #sections = new ArrayBuffer(0);
  #length = 0;

  constructor(maxSectionBytes: number) {
    this.#maxSectionBytes = maxSectionBytes;
  }

  /** Throws MODEL_FAILED or TOO_LARGE and adds nothing when the outputs can't be answered. */
  add(outputs: readonly NamedTensor[], runUs: () => number): void {
    const bytes = outputBytes(outputs, this.#maxSectionBytes);
    this.#grow(this.#length + bytes);
    writeSection(Buffer.from(this.#sections), this.#length, outputs);
    this.#outcomes.push(1, this.#length, bytes, runUs());
    this.#length += bytes;
  }

  fail(failure: LaneFailure, runUs: number): void {
    this.#outcomes.push(0, 0, 0, runUs);
    this.#failures.push(failure);
  }

  /** Ends it: its bytes are the answer's now. */
  pack(loads: readonly LaneLoaded[]): LaneAnswer {
    const sections = this.#sections.transfer(this.#length);
    return { loads, outcomes: this.#outcomes, sections, failures: this.#failures };
  }

  /** At least doubles, so that many small sections are copied about once more each. */
  #grow(neededBytes: number): void {
    if (neededBytes <= this.#sections.byteLength) return;
    try {
      const wantedBytes = Math.max(neededBytes, 2 * this.#length);
      this.#sections = this.#sections.transfer(wantedBytes);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new ShoalError('TOO_LARGE', `no memory for ${neededBytes} bytes of outputs`, { cause });
    }
  }
}

/** Of their section. Throws MODEL_FAILED or TOO_LARGE when they can't be answered. */
export function outputBytes(outputs: readonly NamedTensor[], maxBytes: number): number {
  let bytes: number;
  try {
    bytes = sectionBytes(outputs);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ShoalError('MODEL_FAILED', `the model's outputs can't be answered: ${cause.message}`, {
      cause,
    });
  }
  if (bytes <= maxBytes) return bytes;
  throw new ShoalError(
    'TOO_LARGE',
    `the model's outputs take ${bytes} bytes, at most ${maxBytes} are allowed`,
  );
}
