import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { ShoalError } from '../core/errors.ts';
import type { JsonValue } from './json.ts';

/** The part of a registration that isn't the artifact. Immutable with its version. */
export interface ModelConfig {
  /** Names of the k columns of the model's one [N, k] input, in order. */
  readonly features?: readonly string[];
  /** Feature name -> value for a request that leaves it out or gives null. */
  readonly defaults?: Readonly<Record<string, JsonValue>>;
  /** false: answer under the ONNX output names only, without `label` and `probabilities`. */
  readonly classifier?: boolean;
  /** Requests with known answers, run at registration; what is compared is what `predictions` names. */
  readonly golden?: {
    readonly instances: readonly JsonValue[];
    readonly predictions: readonly JsonValue[];
    readonly tolerance?: { readonly abs?: number; readonly rel?: number };
  };
}

const closed = { additionalProperties: false } as const;

export const ModelConfigSchema = Type.Object(
  {
    features: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description: "Names of the columns of the model's one [N, k] input, in order.",
      }),
    ),
    defaults: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'Feature name to the value used when a request leaves it out or gives null.',
      }),
    ),
    classifier: Type.Optional(
      Type.Boolean({ description: 'false: no `label` and `probabilities` beside the ONNX outputs.' }),
    ),
    golden: Type.Optional(
      Type.Object(
        {
          instances: Type.Array(Type.Unknown(), { minItems: 1 }),
          predictions: Type.Array(Type.Unknown(), { minItems: 1 }),
          tolerance: Type.Optional(
            Type.Object(
              {
                abs: Type.Optional(Type.Number({ minimum: 0 })),
                rel: Type.Optional(Type.Number({ minimum: 0 })),
              },
              closed,
            ),
          ),
        },
        { ...closed, description: 'Requests with known answers, run at registration.' },
      ),
    ),
  },
  closed,
);

const KNOWN: Readonly<Record<string, string>> = {
  '': 'features, defaults, classifier, golden',
  '/golden': 'instances, predictions, tolerance',
  '/golden/tolerance': 'abs, rel',
};

/** A config as the schema says it. Throws INVALID_CONFIG with a detail for every fault. */
export function checkConfig(value: unknown): ModelConfig {
  if (Value.Check(ModelConfigSchema, value)) return value as ModelConfig;
  const details = Value.Errors(ModelConfigSchema, value)
    .slice(0, 20)
    .map((error) => {
      const known = KNOWN[error.instancePath];
      const message =
        error.keyword === 'additionalProperties' && known !== undefined
          ? `unknown key ${error.params.additionalProperties.join(', ')}; known are ${known}`
          : error.message;
      return { path: error.instancePath, message };
    });
  const told = details.map(({ path, message }) => `config${path}: ${message}`).join('; ');
  throw new ShoalError('INVALID_CONFIG', told === '' ? 'config: not an object' : told, { details });
}
