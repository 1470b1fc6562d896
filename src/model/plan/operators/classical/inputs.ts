import { inputOf, type PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { type PlanType, type RowValue, rowValue } from '../../values.ts';

/** A matrix input: [rows, k]. ONNX Runtime takes [rows] for one row. */
export function matrixOf(
  node: PlanNode,
  index: number,
  types: readonly PlanType[],
): RowValue & { readonly columns: number } {
  const value = rowValue(inputOf(node, index), node.op);
  if (!types.includes(value.type)) throw new NotCompiled(`gives ${value.type} to ${node.name}`);
  const [columns] = value.dims;
  if (columns === undefined || columns === 0 || value.dims.length !== 1)
    throw new NotCompiled(`gives ${node.name} an input that is no matrix`);
  return { ...value, columns };
}

/** The same as floats. */
export function floatMatrixOf(node: PlanNode, index: number): RowValue & { readonly columns: number } {
  const value = matrixOf(node, index, ['FP32', 'FP64', 'INT64', 'INT32']);
  if (value.type === 'FP32') return value;
  const floats = node.builder.row('FP32', value.dims, value.origins);
  node.builder.step({ op: 'columns', input: value.register, output: floats.register, at: 0 }, value.columns);
  return { ...floats, columns: value.columns };
}
