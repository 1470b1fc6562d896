import type { OperatorCompiler, PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { splitAt } from '../../shapes.ts';
import { type ConstValue, numbersOf, type RowValue, rowValue, sizeOf, type Value } from '../../values.ts';
import { sectionOf } from './operands.ts';
import { gathered } from './moves.ts';
import { innerAxis, intAttribute, laidInput } from './parameters.ts';

const gather: OperatorCompiler = (node) => {
  const value = laidInput(node, 0);
  const indices = laidInput(node, 1);
  demandIndices(node, indices);
  const axis = intAttribute(node, 'axis', 0);
  if (indices.kind === 'row') return [lookup(node, value, indices, axis)];
  const at = innerAxis(node, value, axis);
  const size = value.dims[at] as number;
  const places = Array.from(numbersOf(indices, `indices of ${node.name}`), (index) =>
    index < 0 ? index + size : index,
  );
  if (!places.every((place) => place >= 0 && place < size))
    throw new NotCompiled(`has an index beyond ${size} in ${node.name}`);
  return [gathered(node.builder, value, at, places, indices.dims)];
};

function demandIndices(node: PlanNode, { type }: Value): void {
  if (type !== 'INT64' && type !== 'INT32') throw new NotCompiled(`takes ${type} as indices in ${node.name}`);
}

/** A table's rows, by indices that each row brings. */
function lookup(node: PlanNode, table: Value, indices: RowValue, axis: number): Value {
  if (table.kind === 'row' || (axis !== 0 && axis !== -table.dims.length))
    throw new NotCompiled(`works across rows in ${node.name}`);
  const { outer, size, inner } = splitAt(table.dims, 0);
  if (outer !== 1) throw new NotCompiled(`has no table in ${node.name}`);
  const { builder } = node;
  const section = sectionOf(node, table);
  const output = builder.row(
    table.type,
    [...indices.dims, ...table.dims.slice(1)],
    undefined,
    rangeOf(table),
  );
  builder.step(
    { op: 'embedding', table: section, size, inner, indices: indices.register, output: output.register },
    sizeOf(output.dims) + 10,
  );
  return output;
}

function rangeOf(table: ConstValue): RowValue['integers'] {
  if (table.type !== 'INT64' || !(table.data instanceof Float64Array) || table.data.length === 0)
    return undefined;
  const { data } = table;
  return {
    range: [data.reduce((a, b) => Math.min(a, b)), data.reduce((a, b) => Math.max(a, b))],
  };
}

const gatherElements: OperatorCompiler = (node) => {
  const value = rowValue(laidInput(node, 0), node.op);
  const indices = rowValue(laidInput(node, 1), node.op);
  demandIndices(node, indices);
  const axis = innerAxis(node, value, intAttribute(node, 'axis', 0));
  const { outer, size, inner } = splitAt(value.dims, axis);
  const fits =
    indices.dims.length === value.dims.length &&
    indices.dims.every((dim, at) => at === axis || dim === value.dims[at]);
  if (inner !== 1 || !fits) throw new NotCompiled(`gathers from a part of the elements in ${node.name}`);
  const output = node.builder.row(value.type, indices.dims, undefined, value.integers);
  node.builder.step(
    {
      op: 'gatherElements',
      outer,
      size,
      count: indices.dims[axis] as number,
      input: value.register,
      indices: indices.register,
      output: output.register,
    },
    2 * sizeOf(indices.dims),
  );
  return [output];
};

export const GATHER_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [
  ['Gather', gather],
  ['GatherElements', gatherElements],
];
