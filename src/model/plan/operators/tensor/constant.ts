import { constantOf } from '../../constants.ts';
import { inputOf, type OperatorCompiler, type PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { decodeText } from '../../texts.ts';
import { type ConstValue, sizeOf } from '../../values.ts';
import { intAttribute, laidInput, shapeParameter } from './parameters.ts';

const constant: OperatorCompiler = (node) => {
  const tensor = node.attribute('value')?.t;
  if (tensor !== undefined) return [constantOf(tensor)];
  const float = node.attribute('value_float');
  const int = node.attribute('value_int');
  const floats = node.attribute('value_floats')?.floats;
  const ints = node.attribute('value_ints')?.ints;
  const text = node.attribute('value_string')?.s;
  if (float !== undefined) return [numbers('FP32', [], [float.f])];
  if (int !== undefined) return [numbers('INT64', [], [Number(int.i)])];
  if (floats !== undefined) return [numbers('FP32', [floats.length], floats)];
  if (ints !== undefined) return [numbers('INT64', [ints.length], ints.map(Number))];
  if (text !== undefined)
    return [{ kind: 'const', type: 'BYTES', dims: [], data: [decodeText(text, node.name)] }];
  throw new NotCompiled(`holds no value that is known in ${node.name}`);
};

function numbers(type: 'FP32' | 'INT64', dims: readonly number[], data: readonly number[]): ConstValue {
  return { kind: 'const', type, dims, data: Float64Array.from(data) };
}

/** The number of rows, unless it is fixed, is NaN: it may be moved about and made a shape again, and nothing else. */
const shape: OperatorCompiler = (node) => {
  const value = laidInput(node, 0);
  const rows = value.kind === 'row' ? [node.fixedRows ?? Number.NaN] : [];
  const all = [...rows, ...value.dims];
  const part = all.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', all.length));
  return [numbers('INT64', [part.length], part)];
};

const constantOfShape: OperatorCompiler = (node) => {
  const dims = shapeParameter(node, 0);
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0))
    throw new NotCompiled(`makes a constant for each row in ${node.name}`);
  const tensor = node.attribute('value')?.t;
  const one = tensor === undefined ? numbers('FP32', [1], [0]) : constantOf(tensor);
  const [element] = one.data;
  if (typeof element !== 'number') throw new NotCompiled(`makes texts in ${node.name}`);
  return [node.builder.constant(one.type, dims, () => new Float64Array(sizeOf(dims)).fill(element))];
};

const identity: OperatorCompiler = (node) => [inputOf(node, 0)];

/** Outside of training nothing is dropped. */
const dropout: OperatorCompiler = (node: PlanNode) => {
  const training = node.inputs[2];
  const trains =
    training !== undefined &&
    !(training.kind === 'const' && training.data instanceof Float64Array && training.data[0] === 0);
  if (trains || (node.opset < 7 && intAttribute(node, 'is_test', 0) === 0))
    throw new NotCompiled(`is in training in ${node.name}`);
  return [inputOf(node, 0)];
};

export const CONSTANT_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [
  ['Constant', constant],
  ['Shape', shape],
  ['ConstantOfShape', constantOfShape],
  ['Identity', identity],
  ['Dropout', dropout],
];
