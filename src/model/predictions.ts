import { ShoalError } from '../core/errors.ts';
import { DEFAULT_LIMITS } from '../core/limits.ts';
import { type AnswerLimit, answerLimit } from './answer-limit.ts';
import { describeJson } from './json.ts';
import type { ServingSpec } from './serving-spec.ts';
import type { NamedTensor, OutputSpec } from './signature.ts';
import { type ElementText, elementText, nestedText } from './tensor-json.ts';

/** The JSON text of one output's value for a row. */
type RowText = (row: number) => string;

/** One member of every prediction: its name as JSON with the colon, and its value a row. */
interface Member {
  readonly key: string;
  readonly text: RowText;
  readonly limit: AnswerLimit;
}

type Value = Omit<Member, 'key'>;

/**
 * The JSON text of the `predictions` list: an object a row, each output under its ONNX name, and `label` and
 * `probabilities` for a classifier. Text is built as it goes; no values in between. Throws TOO_LARGE.
 */
export function predictionsJson(
  spec: ServingSpec,
  outputs: readonly NamedTensor[],
  rows: number,
  limits: { readonly answerBytes: number } = DEFAULT_LIMITS,
): string {
  const members = membersOf(spec, outputs, rows, limits.answerBytes);
  let json = '[';
  for (let row = 0; row < rows; row++) {
    json += row === 0 ? '{' : ',{';
    for (let index = 0; index < members.length; index++) {
      const { key, text, limit } = members[index] as Member;
      json += index === 0 ? key + text(row) : `,${key}${text(row)}`;
      if (json.length > limit.maxBytes) throw limit.error();
    }
    json += '}';
  }
  return `${json}]`;
}

function membersOf(
  spec: ServingSpec,
  outputs: readonly NamedTensor[],
  rows: number,
  maxBytes: number,
): Member[] {
  const specs = new Map(spec.signature.outputs.map((output) => [output.name, output]));
  const members = new Map<string, Value>();
  for (const tensor of outputs) {
    const output = specs.get(tensor.name);
    if (output === undefined) throw new TypeError(`output ${tensor.name} isn't in the signature`);
    const value =
      output.zipMap === true ? byClass(tensor, output, rows, maxBytes) : plain(tensor, rows, maxBytes);
    members.set(tensor.name, value);
  }
  addClassifier(spec, outputs, rows, specs, members, maxBytes);
  return [...members].map(([name, value]) => ({ key: `${JSON.stringify(name)}:`, ...value }));
}

/** `label` and `probabilities` win over ONNX outputs of these names. */
function addClassifier(
  { classifier }: ServingSpec,
  outputs: readonly NamedTensor[],
  rows: number,
  specs: ReadonlyMap<string, OutputSpec>,
  members: Map<string, Value>,
  maxBytes: number,
): void {
  if (classifier === undefined) return;
  const label = outputs.find(({ name }) => name === classifier.label);
  const scores = outputs.find(({ name }) => name === classifier.probabilities);
  const scoreSpec = specs.get(classifier.probabilities);
  if (label === undefined || scores === undefined || scoreSpec === undefined) return;
  const byName = scoreSpec.zipMap === true ? members.get(scores.name) : undefined;
  const scoresValue = byName ?? byClass(scores, scoreSpec, rows, maxBytes);
  members.set('label', plain(label, rows, maxBytes));
  members.set('probabilities', scoresValue);
}

/** [N] and [N, 1] are bare, others nested lists; what isn't a value a row is given whole with every row. */
function plain(tensor: NamedTensor, rows: number, maxBytes: number): Value {
  const { shape } = tensor;
  const isWhole = shape.length === 0 || shape[0] !== rows;
  const limit = answerLimit(tensor, maxBytes, isWhole ? rows : 1);
  const text = elementText(tensor, tensor.name);
  if (isWhole) {
    const whole = nestedText(text, shape, 0, 0, limit);
    return { text: () => whole, limit };
  }
  if (shape.length === 1 || (shape.length === 2 && shape[1] === 1)) return { text, limit };
  const step = shape.slice(1).reduce((product, dimension) => product * dimension, 1);
  return { text: (row) => nestedText(text, shape, 1, row * step, limit), limit };
}

function byClass(tensor: NamedTensor, output: OutputSpec, rows: number, maxBytes: number): Value {
  const labels = output.classLabels ?? [];
  const keys = labels.map((label) => `${JSON.stringify(String(label))}:`);
  const { shape } = tensor;
  const columns = shape.length === 1 && rows === 1 ? shape[0] : shape.length === 2 ? shape[1] : undefined;
  if (columns !== keys.length || (shape.length === 2 && shape[0] !== rows)) {
    throw new ShoalError(
      'MODEL_FAILED',
      `output ${tensor.name}: expected ${rows} rows of ${keys.length} classes, got ${describeJson(`[${shape.join(', ')}]`)}`,
    );
  }
  const limit = answerLimit(tensor, maxBytes);
  const text = elementText(tensor, tensor.name);
  return { text: (row) => classText(keys, text, row * keys.length), limit };
}

function classText(keys: readonly string[], text: ElementText, start: number): string {
  let json = '{';
  for (let index = 0; index < keys.length; index++) {
    json += index === 0 ? `${keys[0]}${text(start)}` : `,${keys[index]}${text(start + index)}`;
  }
  return `${json}}`;
}
