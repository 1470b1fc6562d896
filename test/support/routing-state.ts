import type { ServingSpec } from '../../src/model/serving-spec.ts';
import type { RoutingState } from '../../src/stores/registry/registry.ts';

/** One FP32 matrix of two columns in, one FP32 column out. */
const SPEC: ServingSpec = {
  signature: {
    inputs: [{ name: 'X', datatype: 'FP32', shape: [-1, 2] }],
    outputs: [{ name: 'Y', datatype: 'FP32', shape: [-1, 1] }],
  },
};

/** A model with one version, which is stable. */
export function routingState(version: string, spec: Partial<ServingSpec> = {}): RoutingState {
  return {
    traffic: { stable: version },
    versions: [
      {
        version,
        preparedDigest: `sha256:${'0'.repeat(64)}`,
        residentBytes: 100_000,
        spec: { ...SPEC, ...spec },
      },
    ],
  };
}
