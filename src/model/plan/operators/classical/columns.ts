import { inputOf, type OperatorCompiler, type PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import {
  type ConstValue,
  kindOf,
  numbersOf,
  type Origin,
  type RowValue,
  rowValue,
  sizeOf,
  type Value,
} from '../../values.ts';
import { integersOf, intsAttribute } from './attributes.ts';
import { valuesOf } from './lookup.ts';

const MAX_COLUMNS = 65_536;

/** One input's columns after the other's, so many of each: cut, or zeros put after them. */
export const featureVectorizer: OperatorCompiler = (node) => {
  const { builder } = node;
  const widths = intsAttribute(node, 'inputdimensions');
  if (widths.length !== node.inputs.length || widths.some((width) => width < 0))
    throw new NotCompiled(
      `has ${widths.length} inputdimensions for ${node.inputs.length} inputs (${node.name})`,
    );
  // Before arrays are made: a register can't hold more either.
  const sum = widths.reduce((total, width) => total + width, 0);
  if (sum > MAX_COLUMNS) throw new NotCompiled(`has inputdimensions of ${sum} together (${node.name})`);
  const inputs = widths.map((_, index) => rowValue(inputOf(node, index), node.op));
  const origins = inputs.flatMap((input, index) =>
    firstColumns(widths[index] as number, sizeOf(input.dims)).map((column) => input.origins?.[column]),
  );
  const output = builder.row('FP32', [origins.length], origins);
  let at = 0;
  for (const [index, input] of inputs.entries()) {
    const width = widths[index] as number;
    const size = sizeOf(input.dims);
    if (input.type === 'BYTES' || input.type === 'BOOL' || input.dims.length === 0)
      throw new NotCompiled(`gives ${input.type} to ${node.name}`);
    const columns = firstColumns(width, size);
    builder.step(
      {
        op: 'columns',
        input: input.register,
        output: output.register,
        at,
        ...(width === size ? {} : { columns }),
      },
      width,
    );
    at += width;
  }
  return [output];
};

function firstColumns(width: number, size: number): number[] {
  return Array.from({ length: width }, (_, column) => (column < size ? column : -1));
}

export const arrayFeatureExtractor: OperatorCompiler = (node) => {
  const data = inputOf(node, 0);
  const indices = inputOf(node, 1);
  if (data.kind === 'row' && indices.kind === 'const') return [columnsOf(node, data, indices)];
  if (data.kind === 'const' && indices.kind === 'row') return [elementOf(node, data, indices)];
  throw new NotCompiled(`takes elements of one row for another (${node.name})`);
};

function columnsOf(node: PlanNode, data: RowValue, indices: ConstValue): RowValue {
  const { builder } = node;
  const last = data.dims.at(-1);
  const picked = [...numbersOf(indices, 'indices')];
  if (last === undefined || picked.length === 0 || picked.some((index) => !(index >= 0 && index < last)))
    throw new NotCompiled(`takes columns that are not there (${node.name})`);
  const outer = data.dims.slice(0, -1);
  const count = sizeOf(outer) * picked.length;
  if (count > MAX_COLUMNS) throw new NotCompiled(`takes ${count} columns (${node.name})`);
  const columns = Array.from({ length: sizeOf(outer) }, (_, row) =>
    picked.map((index) => row * last + index),
  ).flat();
  const origins = columns.map((column): Origin | undefined => data.origins?.[column]);
  const output = builder.row(data.type, [...outer, picked.length], origins, data.integers);
  builder.step(
    { op: 'columns', input: data.register, output: output.register, at: 0, columns },
    columns.length,
  );
  return output;
}

function elementOf(node: PlanNode, data: ConstValue, indices: RowValue): Value {
  const { builder } = node;
  const count = data.data.length;
  if (data.dims.at(-1) !== count || count === 0 || indices.type !== 'INT64' || sizeOf(indices.dims) !== 1)
    throw new NotCompiled(`takes rows of a constant (${node.name})`);
  // A constant of the number of rows, or of integers that doubles don't hold, is refused.
  const values = data.type === 'BYTES' ? (data.data as readonly string[]) : [...numbersOf(data, 'elements')];
  const integers = kindOf(data.type) === 'int' ? integersOf(values) : undefined;
  const output = builder.row(data.type, [], undefined, integers);
  builder.step(
    { op: 'pick', input: indices.register, output: output.register, count, values: valuesOf(node, values) },
    2,
  );
  return { ...output, across: true };
}
