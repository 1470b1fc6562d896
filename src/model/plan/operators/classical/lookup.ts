import type { LookupStep, Values } from '../../classical-steps.ts';
import { inputOf, type OperatorCompiler, type PlanNode } from '../../node.ts';
import { constantOf } from '../../constants.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { numbersOf, type PlanType, type RowValue, rowValue, sizeOf } from '../../values.ts';
import {
  floatsAttribute,
  integersOf,
  intAttribute,
  intsAttribute,
  textAttribute,
  textsAttribute,
} from './attributes.ts';
import { numberKeys, probeKeys, sortedKeys } from './keys.ts';

type List = readonly number[] | readonly string[];

interface Table {
  readonly type: PlanType;
  readonly keys: List;
  readonly values: List;
  /** Of no key. */
  readonly otherwise: number | string;
  /** Which of equal keys counts. */
  readonly kept: 'first' | 'last';
  /** Whether NaN is a key like another. */
  readonly nanKey: boolean;
}

export const labelEncoder: OperatorCompiler = (node) => {
  const input = rowValue(inputOf(node, 0), node.op);
  return [lookup(node, input, node.opset === 1 ? classesTable(node, input) : keysTable(node, input))];
};

export const categoryMapper: OperatorCompiler = (node) => {
  const input = rowValue(inputOf(node, 0), node.op);
  return [
    lookup(
      node,
      input,
      twoWay(node, input, textsAttribute(node, 'cats_strings'), intsAttribute(node, 'cats_int64s')),
    ),
  ];
};

function lookup(node: PlanNode, input: RowValue, table: Table): RowValue {
  const { builder } = node;
  const { keys, values, otherwise } = table;
  if (keys.length !== values.length || keys.length === 0)
    throw new NotCompiled(`has ${values.length} values for ${keys.length} keys (${node.name})`);
  const integers = table.type === 'INT64' ? integersOf([...values, otherwise] as number[]) : undefined;
  const output = builder.row(table.type, input.dims, undefined, integers);
  probeKeys(builder, input, keys);
  const isText = input.type === 'BYTES';
  const placed = isText ? textKeys(keys as string[], table.kept) : sortedKeys(keys as number[], table.kept);
  const nanPlace = table.nanKey ? keys.findIndex((key) => Number.isNaN(key)) : -1;
  const all = [
    ...placed.order.map((place) => values[place]),
    otherwise,
    nanPlace < 0 ? otherwise : values[nanPlace],
  ];
  const step: LookupStep = {
    op: 'lookup',
    input: input.register,
    output: output.register,
    keys: isText ? { texts: placed.sorted as string[] } : numberKeys(builder, placed.sorted as number[]),
    values: valuesOf(node, all as List),
  };
  builder.step(step, sizeOf(input.dims) * (isText ? 40 : 10));
  return output;
}

export function valuesOf({ builder }: PlanNode, values: List): Values {
  return typeof values[0] === 'string'
    ? { texts: values as readonly string[] }
    : { section: builder.section(Float64Array.from(values as readonly number[])) };
}

/** In no order: a plan finds texts by their hash. */
function textKeys(keys: readonly string[], kept: 'first' | 'last'): { sorted: string[]; order: number[] } {
  const places = new Map<string, number>();
  for (const [place, key] of keys.entries()) if (kept === 'last' || !places.has(key)) places.set(key, place);
  return { sorted: [...places.keys()], order: [...places.values()] };
}

function classesTable(node: PlanNode, input: RowValue): Table {
  const texts = textsAttribute(node, 'classes_strings');
  return twoWay(node, input, texts, [...texts.keys()]);
}

function twoWay(
  node: PlanNode,
  input: RowValue,
  texts: readonly string[],
  integers: readonly number[],
): Table {
  const otherText = textAttribute(node, 'default_string', '_Unused');
  const otherInteger = intAttribute(node, 'default_int64', -1);
  const common = { kept: 'last', nanKey: false } as const;
  if (input.type === 'BYTES')
    return { ...common, type: 'INT64', keys: texts, values: integers, otherwise: otherInteger };
  if (input.type === 'INT64')
    return { ...common, type: 'BYTES', keys: integers, values: texts, otherwise: otherText };
  throw new NotCompiled(`gives ${input.type} to ${node.name}`);
}

const KEY_NAMES: Readonly<Partial<Record<PlanType, string>>> = {
  BYTES: 'keys_strings',
  INT64: 'keys_int64s',
  FP32: 'keys_floats',
};

function keysTable(node: PlanNode, input: RowValue): Table {
  const name = KEY_NAMES[input.type];
  const listed = name === undefined ? [] : listOf(node, name);
  const keys = listed.length > 0 ? listed : tensorOf(node, 'keys_tensor', input.type);
  const found = ['values_strings', 'values_int64s', 'values_floats'].filter(
    (values) => listOf(node, values).length > 0,
  );
  const tensor = node.attribute('values_tensor')?.t;
  if (found.length + (tensor === undefined ? 0 : 1) !== 1)
    throw new NotCompiled(`has no or several lists of values (${node.name})`);
  const [list] = found;
  const type = list === undefined ? constantType(node, 'values_tensor') : VALUE_TYPES[list];
  if (type !== 'BYTES' && type !== 'INT64' && type !== 'FP32' && type !== 'FP64')
    throw new NotCompiled(`gives ${type ?? 'nothing'} out of ${node.name}`);
  const values = list === undefined ? tensorOf(node, 'values_tensor', type) : listOf(node, list);
  const otherwise = otherwiseOf(node, type);
  return { type, keys, values, otherwise, kept: 'first', nanKey: node.opset >= 4 };
}

const VALUE_TYPES: Readonly<Record<string, PlanType>> = {
  values_strings: 'BYTES',
  values_int64s: 'INT64',
  values_floats: 'FP32',
};

function listOf(node: PlanNode, name: string): List {
  if (name.endsWith('_strings')) return textsAttribute(node, name);
  return name.endsWith('_floats') ? [...floatsAttribute(node, name)] : intsAttribute(node, name);
}

function constantType(node: PlanNode, name: string): PlanType {
  const tensor = node.attribute(name)?.t;
  if (tensor === undefined) throw new NotCompiled(`has no ${name} (${node.name})`);
  return constantOf(tensor).type;
}

function tensorOf(node: PlanNode, name: string, type: PlanType): List {
  const tensor = node.attribute(name)?.t;
  const constant = tensor === undefined ? undefined : constantOf(tensor);
  if (constant?.type !== type || node.opset < 4)
    throw new NotCompiled(`has no ${name} of ${type} (${node.name})`);
  return type === 'BYTES' ? (constant.data as readonly string[]) : [...numbersOf(constant, name)];
}

function otherwiseOf(node: PlanNode, type: PlanType): number | string {
  const tensor = node.attribute('default_tensor')?.t;
  if (node.opset >= 4 && tensor !== undefined && tensor.dataType !== 0) {
    const [value] = tensorOf(node, 'default_tensor', type);
    if (value === undefined) throw new NotCompiled(`has an empty default_tensor (${node.name})`);
    return value;
  }
  if (type === 'BYTES') return textAttribute(node, 'default_string', '_Unused');
  if (type === 'INT64') return intAttribute(node, 'default_int64', -1);
  return type === 'FP32' ? Math.fround(node.attribute('default_float')?.f ?? -0) : -0;
}
