import { ShoalError } from '../core/errors.ts';
import { DEFAULT_LIMITS } from '../core/limits.ts';
import { type AnswerLimit, answerLimit } from './answer-limit.ts';
import { describeJson, isObject, type JsonValue, pointer } from './json.ts';
import type { NamedTensor, OutputSpec, Signature, TensorSpec } from './signature.ts';
import { elementText, encodeTensor, invalidInput } from './tensor-json.ts';

/** The JSON of the Open Inference Protocol, version 2: https://github.com/kserve/open-inference-protocol */
export interface InferRequest {
  readonly tensors: NamedTensor[];
  /** Names of the outputs asked for; all when absent. */
  readonly outputs?: readonly string[];
  readonly id?: string;
}

const MAX_RANK = 255;
const MAX_DIMENSION = 2 ** 32 - 1;

/**
 * An infer request's tensors, in the signature's order. Fields that aren't known are ignored, as clients send some.
 * Throws INVALID_REQUEST, or INVALID_INPUT naming the tensor; nothing is allocated before the count is right.
 */
export function decodeInferRequest(
  signature: Signature,
  body: JsonValue,
  limits: { readonly inputBytes: number } = DEFAULT_LIMITS,
): InferRequest {
  if (!isObject(body)) {
    throw new ShoalError('INVALID_REQUEST', `expected an infer request object, got ${describeJson(body)}`);
  }
  const { id } = body;
  if (id !== undefined && typeof id !== 'string') {
    throw new ShoalError('INVALID_REQUEST', `/id: expected a string, got ${describeJson(id)}`);
  }
  const given = decodeInputs(signature, body.inputs, limits.inputBytes);
  const tensors = signature.inputs.map(({ name }) => {
    const tensor = given.get(name);
    if (tensor === undefined) {
      throw invalidInput(
        '/inputs',
        `missing input ${JSON.stringify(name)}; needed are ${named(signature.inputs)}`,
      );
    }
    return tensor;
  });
  const outputs = decodeOutputs(signature, body.outputs);
  return { tensors, ...(outputs === undefined ? {} : { outputs }), ...(id === undefined ? {} : { id }) };
}

function decodeInputs(
  signature: Signature,
  inputs: JsonValue | undefined,
  maxBytes: number,
): Map<string, NamedTensor> {
  if (!Array.isArray(inputs)) {
    throw invalidInput('/inputs', `expected a list of tensors, got ${describeJson(inputs)}`);
  }
  const specs = new Map(signature.inputs.map((input) => [input.name, input]));
  const given = new Map<string, NamedTensor>();
  let bytes = 0;
  for (const [index, input] of inputs.entries()) {
    const path = `/inputs/${index}`;
    const name = nameAt(input, path);
    const spec = specs.get(name);
    if (spec === undefined) throw unknownName(`${path}/name`, 'input', name, signature.inputs);
    if (given.has(name)) throw invalidInput(path, `input ${JSON.stringify(name)} is given twice`);
    const tensor = decodeTensor(spec, input as { [key: string]: JsonValue }, path);
    bytes += tensor.data.byteLength;
    if (bytes > maxBytes) {
      throw invalidInput('/inputs', `these tensors take more than ${maxBytes} bytes (limit inputBytes)`);
    }
    given.set(name, tensor);
  }
  return given;
}

function decodeTensor(spec: TensorSpec, input: { [key: string]: JsonValue }, path: string): NamedTensor {
  const { name, datatype } = spec;
  if (input.datatype !== datatype) {
    throw invalidInput(
      `${path}/datatype`,
      `input ${JSON.stringify(name)} takes ${datatype}, got ${describeJson(input.datatype)}`,
    );
  }
  const shape = decodeShape(spec, input.shape, `${path}/shape`);
  const { data } = input;
  if (data === undefined || (!Array.isArray(data) && shape.length > 0)) {
    throw invalidInput(`${path}/data`, `expected a list of ${datatype} values, got ${describeJson(data)}`);
  }
  return { name, datatype, shape, data: encodeTensor(datatype, shape, data, `${path}/data`) };
}

function decodeShape(spec: TensorSpec, shape: JsonValue | undefined, path: string): number[] {
  if (!Array.isArray(shape) || shape.length > MAX_RANK) {
    throw invalidInput(path, `expected a list of dimensions, got ${describeJson(shape)}`);
  }
  const dimensions = shape.map((dimension, axis) => {
    const isSize = typeof dimension === 'number' && Number.isInteger(dimension) && dimension >= 0;
    if (isSize && dimension <= MAX_DIMENSION) return dimension;
    throw invalidInput(
      path + pointer(axis),
      `expected an integer from 0 to ${MAX_DIMENSION}, got ${describeJson(dimension)}`,
    );
  });
  const fits =
    dimensions.length === spec.shape.length &&
    spec.shape.every((wanted, axis) => wanted === -1 || wanted === dimensions[axis]);
  if (!fits) {
    throw invalidInput(
      path,
      `input ${JSON.stringify(spec.name)} has shape [${spec.shape.join(', ')}] (-1 is free), got [${dimensions.join(', ')}]`,
    );
  }
  return dimensions;
}

function decodeOutputs(signature: Signature, outputs: JsonValue | undefined): string[] | undefined {
  if (outputs === undefined || outputs === null) return undefined;
  if (!Array.isArray(outputs)) {
    throw invalidInput('/outputs', `expected a list of outputs, got ${describeJson(outputs)}`);
  }
  const known = new Set(signature.outputs.map(({ name }) => name));
  const wanted = new Set<string>();
  for (const [index, output] of outputs.entries()) {
    const path = `/outputs/${index}`;
    const name = nameAt(output, path);
    if (!known.has(name)) throw unknownName(`${path}/name`, 'output', name, signature.outputs);
    if (wanted.has(name)) throw invalidInput(path, `output ${JSON.stringify(name)} is asked for twice`);
    wanted.add(name);
  }
  return wanted.size === 0 ? undefined : [...wanted];
}

function nameAt(value: JsonValue, path: string): string {
  if (!isObject(value)) throw invalidInput(path, `expected an object, got ${describeJson(value)}`);
  if (typeof value.name !== 'string') {
    throw invalidInput(`${path}/name`, `expected a string, got ${describeJson(value.name)}`);
  }
  return value.name;
}

function unknownName(path: string, what: string, name: string, known: readonly TensorSpec[]): ShoalError {
  return invalidInput(path, `unknown ${what} ${describeJson(name)}; known are ${named(known)}`);
}

function named(specs: readonly TensorSpec[]): string {
  const names = specs.slice(0, 20).map(({ name }) => JSON.stringify(name));
  return specs.length > 20 ? `${names.join(', ')} and ${specs.length - 20} more` : names.join(', ');
}

export interface InferResponse {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id?: string | undefined;
  readonly signature: Signature;
  readonly outputs: readonly NamedTensor[];
  /** Names, in the order to answer; all when absent. */
  readonly wanted?: readonly string[] | undefined;
}

/** The answer's JSON text; data are flat. Throws MODEL_FAILED where BYTES aren't UTF-8, and TOO_LARGE. */
export function inferResponseJson(
  response: InferResponse,
  limits: { readonly answerBytes: number } = DEFAULT_LIMITS,
): string {
  const { signature, outputs, id } = response;
  const specs = new Map(signature.outputs.map((output) => [output.name, output]));
  const chosen = response.wanted?.map((name) => find(outputs, name)) ?? outputs;
  let left = limits.answerBytes;
  const tensors = chosen.map((tensor) => {
    const limit = answerLimit(tensor, limits.answerBytes);
    const json = tensorJson(tensor, specs.get(tensor.name), limit);
    left -= json.length;
    if (left < 0) throw limit.error();
    return json;
  });
  const head = `"model_name":${JSON.stringify(response.modelName)},"model_version":${JSON.stringify(response.modelVersion)}`;
  return `{${head}${id === undefined ? '' : `,"id":${JSON.stringify(id)}`},"outputs":[${tensors.join(',')}]}`;
}

function find(outputs: readonly NamedTensor[], name: string): NamedTensor {
  const found = outputs.find((output) => output.name === name);
  if (found === undefined)
    throw new ShoalError('MODEL_FAILED', `the model gave no output ${JSON.stringify(name)}`);
  return found;
}

function tensorJson(tensor: NamedTensor, spec: OutputSpec | undefined, limit: AnswerLimit): string {
  const { name, datatype, shape } = tensor;
  const count = shape.reduce((product, dimension) => product * dimension, 1);
  const text = elementText(tensor, name);
  let data = '';
  for (let index = 0; index < count; index++) {
    data += index === 0 ? text(0) : `,${text(index)}`;
    if (data.length > limit.maxBytes) throw limit.error();
  }
  const labels = spec === undefined ? undefined : labelParameters(spec);
  const parameters = labels === undefined ? '' : `"parameters":${JSON.stringify(labels)},`;
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}],${parameters}"data":[${data}]}`;
}

function labelParameters({
  classLabels,
}: OutputSpec): { class_labels: readonly (string | number)[] } | undefined {
  return classLabels === undefined ? undefined : { class_labels: classLabels };
}

/** The answer to GET /v2/models/{name}. */
export function metadataJson(model: {
  readonly name: string;
  readonly versions: readonly string[];
  readonly signature: Signature;
}): string {
  const { inputs, outputs } = model.signature;
  return JSON.stringify({
    name: model.name,
    versions: model.versions,
    platform: 'onnxruntime_onnx',
    inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
    outputs: outputs.map((output) => {
      const { name, datatype, shape } = output;
      const parameters = labelParameters(output);
      return { name, datatype, shape, ...(parameters === undefined ? {} : { parameters }) };
    }),
  });
}
