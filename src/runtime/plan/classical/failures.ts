import { ShoalError } from '../../../core/errors.ts';

/** What ONNX Runtime refuses too, while it runs. */
export function modelFailed(message: string): ShoalError {
  return new ShoalError('MODEL_FAILED', `the model failed on these inputs: ${message}`);
}
