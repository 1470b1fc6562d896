import type { OperatorCompiler, PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { splitAt } from '../../shapes.ts';
import type { ReduceName } from '../../tensor-steps.ts';
import { type Integers, kindOf, numbersOf, rowValue, type RowValue, sizeOf } from '../../values.ts';
import { demandExact, rangeOf, safe } from './integers.ts';
import { innerAxis, intAttribute, intsParameter, laidInput } from './parameters.ts';
import { reshaped } from './moves.ts';

/** Of so many floats ONNX Runtime's least and greatest are known where NaN comes. */
const MAX_EXTREMES = 3;

function reduction(f: ReduceName, work = 2): OperatorCompiler {
  return (node) => {
    const input = rowValue(laidInput(node, 0), node.op);
    const written = intsParameter(node, 'axes', 1) ?? [];
    const keeps = intAttribute(node, 'keepdims', 1) !== 0;
    if (written.length === 0) {
      if (intAttribute(node, 'noop_with_empty_axes', 0) !== 0) return [input];
      throw new NotCompiled(`works across rows in ${node.name}`);
    }
    const axes = [...new Set(written.map((axis) => innerAxis(node, input, axis)))].toSorted((a, b) => a - b);
    const dims = keeps
      ? input.dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
      : input.dims.filter((_, axis) => !axes.includes(axis));
    const count = sizeOf(input.dims) / sizeOf(dims);
    if (!(count >= 1)) throw new NotCompiled(`takes nothing together in ${node.name}`);
    // Whether more of them answer NaN hangs on which the processor compares at once.
    if ((f === 'max' || f === 'min') && kindOf(input.type) !== 'int' && count > MAX_EXTREMES)
      throw new NotCompiled(`takes the ${f} of ${count} floats in ${node.name}`);
    const { builder } = node;
    const output = builder.row(input.type, dims, undefined, integersOf(node, f, input, count));
    builder.step(
      { op: 'reduce', f, dims: input.dims, axes, input: input.register, output: output.register },
      work * sizeOf(input.dims) + 10 * sizeOf(dims),
    );
    return [output];
  };
}

function integersOf(node: PlanNode, f: ReduceName, input: RowValue, count: number): Integers | undefined {
  if (kindOf(input.type) !== 'int') return undefined;
  demandExact(node, input);
  if (f === 'max' || f === 'min') return input.integers;
  if (f !== 'sum') throw new NotCompiled(`takes ${node.op} of integers`);
  const [least, most] = rangeOf(node, input);
  const { range } = safe(node, [least * count, most * count]);
  const within = range !== undefined && (input.type === 'INT64' || range.every((end) => (end | 0) === end));
  if (!within) throw new NotCompiled(`may compute INT32 beyond 2^31 in ${node.name}`);
  return { range };
}

function arg(least: boolean): OperatorCompiler {
  return (node) => {
    const input = rowValue(laidInput(node, 0), node.op);
    demandExact(node, input);
    const at = innerAxis(node, input, intAttribute(node, 'axis', 0));
    const axis = splitAt(input.dims, at);
    if (axis.size < 1 || input.type === 'BYTES')
      throw new NotCompiled(`takes nothing together in ${node.name}`);
    const keeps = intAttribute(node, 'keepdims', 1) !== 0;
    const last = intAttribute(node, 'select_last_index', 0) !== 0;
    const dims = keeps ? input.dims.with(at, 1) : input.dims.toSpliced(at, 1);
    const output = node.builder.row('INT64', dims, undefined, { range: [0, axis.size - 1] });
    node.builder.step(
      { op: 'arg', least, last, axis, input: input.register, output: output.register },
      2 * sizeOf(input.dims),
    );
    return [output];
  };
}

const topK: OperatorCompiler = (node) => {
  const input = rowValue(laidInput(node, 0), node.op);
  demandExact(node, input);
  const k = node.opset < 10 ? intAttribute(node, 'k', 0) : Number(numbersOf(laidInput(node, 1), 'k')[0]);
  const at = innerAxis(node, input, intAttribute(node, 'axis', -1));
  const axis = splitAt(input.dims, at);
  if (!(k >= 1 && k <= axis.size) || input.type === 'BYTES')
    throw new NotCompiled(`takes ${k} of ${axis.size} in ${node.name}`);
  if (intAttribute(node, 'sorted', 1) === 0) throw new NotCompiled(`leaves the order open in ${node.name}`);
  const { builder } = node;
  const dims = input.dims.with(at, k);
  const values = builder.row(input.type, dims, undefined, input.integers);
  const indices = builder.row('INT64', dims, undefined, { range: [0, axis.size - 1] });
  const least = intAttribute(node, 'largest', 1) === 0;
  builder.step(
    { op: 'topK', k, least, axis, input: input.register, values: values.register, indices: indices.register },
    axis.outer * axis.inner * (20 + axis.size * (5 + k)),
  );
  return [values, indices];
};

function softmax(log: boolean): OperatorCompiler {
  return (node) => {
    const input = rowValue(laidInput(node, 0), node.op);
    // Of doubles ONNX Runtime's logarithm is another where infinities come.
    if (kindOf(input.type) === 'int' || (log && input.type === 'FP64'))
      throw new NotCompiled(`takes ${node.op} of ${input.type}`);
    const at = innerAxis(node, input, intAttribute(node, 'axis', node.opset < 13 ? 1 : -1));
    // Before, all axes from this one on were one.
    const flat = reshaped(input, [...input.dims.slice(0, at), sizeOf(input.dims.slice(at))]);
    const axis = splitAt(node.opset < 13 ? flat.dims : input.dims, at);
    const output = node.builder.row(input.type, input.dims);
    node.builder.step(
      { op: 'softmax', log, axis, input: input.register, output: output.register },
      15 * sizeOf(input.dims),
    );
    return [output];
  };
}

export const REDUCE_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [
  ['ReduceSum', reduction('sum')],
  ['ReduceMean', reduction('mean')],
  ['ReduceMax', reduction('max')],
  ['ReduceMin', reduction('min')],
  ['ReduceProd', reduction('prod')],
  ['ReduceSumSquare', reduction('sumSquare')],
  ['ReduceL1', reduction('l1')],
  ['ReduceL2', reduction('l2')],
  ['ReduceLogSum', reduction('logSum')],
  ['ReduceLogSumExp', reduction('logSumExp', 12)],
  ['ArgMax', arg(false)],
  ['ArgMin', arg(true)],
  ['TopK', topK],
  ['Softmax', softmax(false)],
  ['LogSoftmax', softmax(true)],
];
