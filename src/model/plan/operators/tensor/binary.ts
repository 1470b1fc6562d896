import { BINARY, type BinaryName } from '../../functions.ts';
import type { OperatorCompiler, PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { broadcastMap } from '../../shapes.ts';
import { type Integers, kindOf, type PlanType, type RowValue, sizeOf, type Value } from '../../values.ts';
import { corners, demandExact, rangeOf, safe } from './integers.ts';
import { intAttribute, laidInput } from './parameters.ts';
import { aligned, sameType, spreadNumbers, spreadOf } from './operands.ts';
import { unionOf } from './concat.ts';

type Arithmetic = 'add' | 'sub' | 'mul' | 'div';

/** f of two values of any kinds, element by element, in dimensions that both fit. */
export function combined(
  node: PlanNode,
  f: BinaryName,
  type: PlanType,
  inputs: readonly [Value, Value],
  integers?: Integers,
): Value {
  const { builder } = node;
  const { values, dims } = aligned(node, inputs);
  const [a, b] = values as [Value, Value];
  if (a.kind === 'const' && b.kind === 'const') {
    return builder.constant(type, dims, () => {
      const left = spreadNumbers(node, a, dims);
      const right = spreadNumbers(node, b, dims);
      return typed(
        type,
        left.map((number, index) => BINARY[f](number, right[index] as number)),
      );
    });
  }
  const output = builder.row(type, dims, undefined, integers);
  builder.step(
    {
      op: 'binary',
      f,
      a: spreadOf(node, a, dims),
      b: spreadOf(node, b, dims),
      dims,
      output: output.register,
    },
    (f === 'pow' ? 20 : 2) * sizeOf(dims),
  );
  return output;
}

/** Numbers as a type holds them; integers are so already. */
export function typed(type: PlanType, numbers: Float64Array): Float64Array {
  return type === 'FP32' ? numbers.map(Math.fround) : numbers;
}

function pairOf(node: PlanNode): [Value, Value] {
  // Before, shapes were put together by attributes.
  if (node.opset < 7) throw new NotCompiled(`uses ${node.op} of opset ${node.opset}`);
  return [laidInput(node, 0), laidInput(node, 1)];
}

function arithmetic(f: Arithmetic): OperatorCompiler {
  return (node) => [arithmeticOf(node, f, pairOf(node))];
}

export function arithmeticOf(node: PlanNode, f: Arithmetic, pair: [Value, Value]): Value {
  const type = sameType(node, pair);
  if (type === 'BOOL') throw new NotCompiled(`computes with BOOL in ${node.name}`);
  if (kindOf(type) !== 'int') return combined(node, f, type, pair);
  const [a, b] = [rangeOf(node, pair[0]), rangeOf(node, pair[1])];
  const range = corners(a, b, f === 'div' ? (x) => x : BINARY[f]);
  if (f === 'div') {
    divisor(node, pair[1]);
    const size = Math.max(...a.map(Math.abs));
    return combined(node, 'divInt', type, pair, safe(node, [-size, size]));
  }
  if (type === 'INT32') return combined(node, `${f}Int32`, type, pair);
  return combined(node, f === 'mul' ? 'mulInt' : f, type, pair, safe(node, range));
}

/** Integers are divided only by what is known not to be 0 (nor -1, which can overflow). */
function divisor(node: PlanNode, value: Value): void {
  if (
    value.kind === 'row' ||
    ![...(value.data as Float64Array)].every((number) => number !== 0 && number !== -1)
  )
    throw new NotCompiled(`divides integers by what may be 0 or -1 in ${node.name}`);
}

const mod: OperatorCompiler = (node) => {
  const pair = pairOf(node);
  const type = sameType(node, pair);
  const isC = intAttribute(node, 'fmod', 0) === 1;
  if (kindOf(type) !== 'int') {
    if (!isC) throw new NotCompiled(`takes Mod of floats in ${node.name}`);
    return [combined(node, 'rem', type, pair)];
  }
  rangeOf(node, pair[0]);
  divisor(node, pair[1]);
  const size = Math.max(...rangeOf(node, pair[1]).map(Math.abs));
  return [combined(node, isC ? 'remInt' : 'modInt', type, pair, safe(node, [-size, size]))];
};

const pow: OperatorCompiler = (node) => {
  const pair = pairOf(node);
  const [base, exponent] = pair;
  if (kindOf(base.type) === 'int' || exponent.type === 'BYTES')
    throw new NotCompiled(`takes powers of integers in ${node.name}`);
  return [combined(node, 'pow', base.type, pair)];
};

const prelu: OperatorCompiler = (node) => {
  const pair = pairOf(node);
  const type = sameType(node, pair);
  if (kindOf(type) === 'int') throw new NotCompiled(`computes with integers in ${node.name}`);
  return [combined(node, 'prelu', type, pair)];
};

function comparison(f: BinaryName): OperatorCompiler {
  return (node) => {
    const pair = pairOf(node);
    sameType(node, pair);
    const [a, b] = pair;
    if (a.kind === 'row' && b.kind === 'row') for (const value of pair) demandExact(node, value);
    const output = combined(node, f, 'BOOL', pair);
    if (output.kind === 'row') {
      probeAt(node, a, b, output);
      probeAt(node, b, a, output);
    }
    return [output];
  };
}

/** As many a column as admission can try. */
const MAX_TURNS = 64;

/** Tells at which of a column's values a comparison turns. */
function probeAt(node: PlanNode, value: Value, at: Value, { dims }: RowValue): void {
  if (value.kind !== 'row' || at.kind !== 'const' || value.origins === undefined) return;
  const numbers = spreadNumbers(node, aligned(node, [value, at]).values[1] as Value, dims);
  const map = broadcastMap(value.dims, dims);
  const found = new Map<number, Set<number>>();
  for (const [index, number] of numbers.entries()) {
    const element = map === undefined ? index : (map[index] as number);
    const turns = found.get(element) ?? new Set<number>();
    if (turns.size < MAX_TURNS) turns.add(number);
    found.set(element, turns);
  }
  for (const [element, turns] of found) node.builder.probe(value, element, [...turns]);
}

function logic(f: BinaryName): OperatorCompiler {
  return (node) => {
    const pair = pairOf(node);
    if (sameType(node, pair) !== 'BOOL') throw new NotCompiled(`mixes types in ${node.name}`);
    return [combined(node, f, 'BOOL', pair)];
  };
}

/** Any number of values, one after the other. */
function listed(fold: (node: PlanNode, pair: [Value, Value]) => Value): OperatorCompiler {
  return (node) => {
    if (node.opset < 8) throw new NotCompiled(`uses ${node.op} of opset ${node.opset}`);
    const values = node.inputs.map((_, index) => laidInput(node, index));
    const folded = values.reduce((a, b) => fold(node, [a, b]));
    if (node.op !== 'Mean' || values.length === 1) return [folded];
    const count: Value = { kind: 'const', type: folded.type, dims: [], data: Float64Array.of(values.length) };
    return [arithmeticOf(node, 'div', [folded, count])];
  };
}

function extreme(f: 'min' | 'max'): OperatorCompiler {
  return listed((node, pair) =>
    combined(node, f, sameType(node, pair), pair, unionOf(pair.map(known(node)))),
  );
}

function known(node: PlanNode) {
  return (value: Value): { integers?: Integers } => {
    if (value.kind === 'const')
      return kindOf(value.type) === 'int' ? { integers: { range: rangeOf(node, value) } } : {};
    return value;
  };
}

const sum = listed((node, pair) => arithmeticOf(node, 'add', pair));

export const BINARY_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [
  ['Add', arithmetic('add')],
  ['Sub', arithmetic('sub')],
  ['Mul', arithmetic('mul')],
  ['Div', arithmetic('div')],
  ['Mod', mod],
  ['Pow', pow],
  ['PRelu', prelu],
  ['Sum', sum],
  ['Mean', sum],
  ['Min', extreme('min')],
  ['Max', extreme('max')],
  ['Equal', comparison('equal')],
  ['Less', comparison('less')],
  ['LessOrEqual', comparison('lessOrEqual')],
  ['Greater', comparison('greater')],
  ['GreaterOrEqual', comparison('greaterOrEqual')],
  ['And', logic('and')],
  ['Or', logic('or')],
  ['Xor', logic('xor')],
];
