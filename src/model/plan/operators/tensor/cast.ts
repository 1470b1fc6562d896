import { ELEMENT_TYPES } from '../../../onnx/data-types.ts';
import { inputOf, type OperatorCompiler, type PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { kindOf, type PlanType, planType, type RowValue, type Value } from '../../values.ts';
import { demandExact } from './integers.ts';
import { intAttribute } from './parameters.ts';
import { withOrigins } from './moves.ts';
import { type Mapping, mapped } from './unary.ts';

const cast: OperatorCompiler = (node) => {
  const value = inputOf(node, 0);
  const type = planType(ELEMENT_TYPES.get(intAttribute(node, 'to', 0))?.datatype, node.name);
  if (type === value.type) return [value];
  if (type === 'BYTES' || value.type === 'BYTES')
    throw new NotCompiled(`turns ${value.type} into ${type} in ${node.name}`);
  // The number of rows in a shape stays what it is.
  if (value.kind === 'const' && value.type === 'INT64' && type === 'INT32' && !isExact(value))
    throw new NotCompiled(`turns a shape into INT32 in ${node.name}`);
  const output = mapped(node, value, mappingOf(node, value, type));
  if (value.kind === 'row' && type === 'BOOL')
    for (const element of value.origins?.keys() ?? []) node.builder.probe(value, element, [0]);
  // Floats and doubles have every number that the others hold, or one that lies next to it.
  const keeps = output.kind === 'row' && value.kind === 'row' && (type === 'FP64' || type === 'FP32');
  const known = keeps && value.type !== 'BOOL' ? withOrigins(output, value.origins) : output;
  return [value.kind === 'row' && value.across ? { ...(known as RowValue), across: true } : known];
};

function isExact(value: Value): boolean {
  return (
    value.kind === 'const' && (value.data as Float64Array).every((number) => Number.isSafeInteger(number))
  );
}

function mappingOf(node: PlanNode, value: Value, type: PlanType): Mapping {
  if (type === 'FP32' || type === 'FP64') return { f: 'copy', type };
  if (type === 'BOOL') return { f: 'toBool', type };
  if (kindOf(value.type) !== 'int') return { f: type === 'INT32' ? 'toInt32' : 'toInt64', type };
  if (type === 'INT64')
    return { f: 'copy', type, integers: { range: value.type === 'BOOL' ? [0, 1] : INT32 } };
  demandExact(node, value);
  return value.type === 'BOOL' ? { f: 'copy', type } : { f: 'wrapInt32', type };
}

const INT32 = [-(2 ** 31), 2 ** 31 - 1] as const;

export const CAST_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [['Cast', cast]];
