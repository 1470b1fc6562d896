import type { NamedTensor } from '../model/signature.ts';

/** A loaded model. Calls must not overlap; whoever owns it runs one at a time. */
export interface Executor {
  /**
   * All outputs, in the model's order. `partRows` 0 runs the inputs as they are; otherwise the model takes exactly
   * that many rows: the inputs run in parts, the last one padded. The data of an output may be a view that stays
   * valid until the executor is released. Throws ShoalError: INVALID_INPUT, MODEL_FAILED.
   */
  run(inputs: readonly NamedTensor[], partRows: number): Promise<NamedTensor[]>;
  release(): Promise<void>;
}
