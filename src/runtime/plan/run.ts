import { SECTIONS_WORD } from '../../model/plan/blob.ts';

/** Views over one buffer that holds plans: theirs start on multiples of 8. */
export interface PlanMemory {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
}

export function planMemory(buffer: ArrayBufferLike): PlanMemory {
  return {
    u8: new Uint8Array(buffer),
    u16: new Uint16Array(buffer),
    i32: new Int32Array(buffer),
    f32: new Float32Array(buffer),
    f64: new Float64Array(buffer),
  };
}

/** More is given back after the run that needed it. */
const KEPT_ELEMENTS = 1 << 18;

/**
 * What the kernels of one run work on: the plan's numbers, and the registers of a block of rows. A register starts at
 * its unit times the rows in the array of its kind (program.ts). One a thread; runs don't overlap.
 */
export class PlanRun {
  memory: PlanMemory;
  /** Where the plan's blob starts, in bytes. */
  base = 0;
  rows = 0;
  f32 = new Float32Array(1_024);
  /** Doubles, and integers and booleans as doubles. */
  f64 = new Float64Array(1_024);
  text: string[] = [];

  constructor() {
    this.memory = planMemory(new ArrayBuffer(0));
  }

  /** The byte at which a section starts, for the memory's views. */
  section(index: number): number {
    return this.base + (this.memory.i32[(this.base >> 2) + SECTIONS_WORD + index] as number);
  }

  reserve(f32: number, f64: number): void {
    if (this.f32.length < f32) this.f32 = new Float32Array(2 * f32);
    if (this.f64.length < f64) this.f64 = new Float64Array(2 * f64);
  }

  /** After a run: nothing of its texts stays, nor what only a large one needs. */
  end(): void {
    this.text.length = 0;
    if (this.f32.length > KEPT_ELEMENTS) this.f32 = new Float32Array(1_024);
    if (this.f64.length > KEPT_ELEMENTS) this.f64 = new Float64Array(1_024);
  }
}
