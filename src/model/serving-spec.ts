import { ShoalError } from '../core/errors.ts';
import type { ModelConfig } from './config.ts';
import { newElements, PUT, TAKES } from './elements.ts';
import { describeJson, type JsonValue, pointer } from './json.ts';
import type { Signature } from './signature.ts';

/** What a router must know of a version to turn a request into tensors and tensors into an answer. */
export interface ServingSpec {
  readonly signature: Signature;
  /** Set when the model is a classifier and its config doesn't forbid the shape: names of two outputs. */
  readonly classifier?: { readonly label: string; readonly probabilities: string };
  /** Names of the columns of the one matrix input, from the config. */
  readonly features?: readonly string[];
  /** Values for features that a request leaves out or gives as null, from the config. */
  readonly defaults?: Readonly<Record<string, JsonValue>>;
}

/** A prepared artifact and its config as one. Throws INVALID_CONFIG where they don't fit each other. */
export function servingSpec(
  prepared: Pick<ServingSpec, 'signature' | 'classifier'>,
  config: ModelConfig,
): ServingSpec {
  const { signature, classifier } = prepared;
  if (config.features !== undefined) checkFeatures(signature, config.features);
  if (config.defaults !== undefined) checkDefaults(signature, config);
  checkGolden(config);
  return {
    signature,
    ...(classifier === undefined || config.classifier === false ? {} : { classifier }),
    ...(config.features === undefined ? {} : { features: config.features }),
    ...(config.defaults === undefined ? {} : { defaults: config.defaults }),
  };
}

function checkFeatures(signature: Signature, features: readonly string[]): void {
  const [input] = signature.inputs;
  const columns = input?.shape[1];
  if (signature.inputs.length !== 1 || input?.shape.length !== 2 || columns === undefined) {
    const shapes = signature.inputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ');
    throw invalidConfig(
      '/features',
      `only for a model with one input of shape [N, k]; its inputs are ${shapes}`,
    );
  }
  if (columns !== -1 && features.length !== columns) {
    throw invalidConfig(
      '/features',
      `expected ${columns} names, as input ${input.name} has columns, got ${features.length}`,
    );
  }
  const seen = new Set<string>();
  for (const [index, name] of features.entries()) {
    if (seen.has(name))
      throw invalidConfig(`/features/${index}`, `${JSON.stringify(name)} stands there twice`);
    seen.add(name);
  }
}

function checkDefaults(signature: Signature, config: ModelConfig): void {
  const inputs = new Map(signature.inputs.map((input) => [input.name, input]));
  const features = new Set(config.features);
  for (const [name, value] of Object.entries(config.defaults ?? {})) {
    const path = `/defaults${pointer(name)}`;
    const input = features.has(name) ? signature.inputs[0] : inputs.get(name);
    if (input === undefined) {
      const known = [...(features.size > 0 ? features : inputs.keys())].slice(0, 20).join(', ');
      throw invalidConfig(path, `no such feature; known are ${known}`);
    }
    // Lists are checked with each request, when the dimensions that they must fit are known.
    if (!Array.isArray(value) && !PUT[input.datatype](newElements(input.datatype, 1), 0, value)) {
      throw invalidConfig(
        path,
        `expected ${TAKES[input.datatype]} (${input.datatype}), got ${describeJson(value)}`,
      );
    }
  }
}

function checkGolden({ golden }: ModelConfig): void {
  if (golden === undefined || golden.instances.length === golden.predictions.length) return;
  throw invalidConfig(
    '/golden/predictions',
    `expected ${golden.instances.length}, one an instance, got ${golden.predictions.length}`,
  );
}

function invalidConfig(path: string, message: string): ShoalError {
  return new ShoalError('INVALID_CONFIG', `config${path}: ${message}`, { details: [{ path, message }] });
}
