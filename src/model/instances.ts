import { DEFAULT_LIMITS } from '../core/limits.ts';
import { encodeInputs } from './instance-inputs.ts';
import { encodeMatrix } from './instance-matrix.ts';
import { layoutOf } from './instance-layout.ts';
import { describeJson, type JsonValue } from './json.ts';
import type { ServingSpec } from './serving-spec.ts';
import type { NamedTensor } from './signature.ts';
import { invalidInput } from './tensor-json.ts';

export interface EncodedInstances {
  readonly tensors: NamedTensor[];
  readonly rows: number;
  /** Rows of one run where the model fixes them (the runtime splits and pads), else 0. */
  readonly partRows: number;
}

/**
 * The `instances` of a `:predict` request as the model's input tensors, one row an instance. Throws INVALID_INPUT
 * that names the place (`/instances/3/age`), what was expected there and what came.
 */
export function encodeInstances(
  spec: ServingSpec,
  instances: unknown,
  limits: { readonly instances: number; readonly inputBytes?: number },
): EncodedInstances {
  const layout = layoutOf(spec);
  const list = checkList(instances, limits.instances);
  const maxBytes = limits.inputBytes ?? DEFAULT_LIMITS.inputBytes;
  if (layout.kind === 'whole' && list.length !== 1) {
    throw invalidInput(
      '/instances',
      `this model has no row dimension and takes one instance at a time, got ${list.length}; use /v2 for whole tensors`,
    );
  }
  const [only] = layout.inputs;
  const isMatrix = layout.kind === 'rows' && layout.inputs.length === 1 && only?.valueShape.length === 1;
  const tensors =
    isMatrix && only !== undefined
      ? [encodeMatrix(layout, only, list, maxBytes)]
      : encodeInputs(layout, list, maxBytes);
  return { tensors, rows: list.length, partRows: layout.partRows };
}

function checkList(instances: unknown, most: number): JsonValue[] {
  if (!Array.isArray(instances)) {
    throw invalidInput('/instances', `expected a list of instances, got ${describeJson(instances)}`);
  }
  if (instances.length === 0) throw invalidInput('/instances', 'expected at least one instance, got none');
  if (instances.length > most) {
    throw invalidInput(
      '/instances',
      `expected at most ${most} instances (limit instances), got ${instances.length}`,
    );
  }
  return instances as JsonValue[];
}
