import type { Digest } from '../core/ids.ts';

/** What runs a version: a plan (model/plan), or ONNX Runtime and why. */
export type ExecutorChoice =
  | { readonly executor: 'plan'; readonly structureDigest: Digest }
  | { readonly executor: 'onnx'; readonly reason: string };
