import { UNARY, type UnaryName } from '../../functions.ts';
import type { OperatorCompiler, PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { type Integers, kindOf, numbersOf, type PlanType, sizeOf, type Value } from '../../values.ts';
import { typed } from './binary.ts';
import { demandExact, rangeOf, safe } from './integers.ts';
import { floatAttribute, intAttribute, laidInput } from './parameters.ts';

export interface Mapping {
  readonly f: UnaryName;
  /** The result's; the input's when absent. */
  readonly type?: PlanType;
  readonly parameters?: readonly [number, number];
  readonly integers?: Integers;
  /** Nanoseconds an element. */
  readonly work?: number;
}

/** A function of each element. */
export function mapped(node: PlanNode, value: Value, mapping: Mapping): Value {
  const { builder } = node;
  const { f, type = value.type, parameters, integers, work = 2 } = mapping;
  if (value.type === 'BYTES') throw new NotCompiled(`computes with texts in ${node.name}`);
  const [p, q] = parameters ?? [0, 0];
  if (value.kind === 'const')
    return builder.constant(type, value.dims, () =>
      typed(
        type,
        numbersOf(value, `an input of ${node.name}`).map((x) => UNARY[f](x, p, q)),
      ),
    );
  const output = builder.row(type, value.dims, undefined, integers);
  builder.step(
    {
      op: 'unary',
      f,
      input: value.register,
      output: output.register,
      ...(parameters === undefined ? {} : { parameters: builder.section(Float64Array.from(parameters)) }),
    },
    work * sizeOf(value.dims),
  );
  return output;
}

/** Of floats and doubles alone. */
function real(f: UnaryName, work = 2, parameters?: (node: PlanNode) => [number, number]): OperatorCompiler {
  return (node) => {
    const value = laidInput(node, 0);
    if (kindOf(value.type) === 'int') throw new NotCompiled(`takes ${node.op} of integers`);
    const name = f === 'elu' && value.type === 'FP64' ? 'eluDouble' : f;
    return [mapped(node, value, { f: name, work, ...(parameters && { parameters: parameters(node) }) })];
  };
}

const alpha =
  (otherwise: number) =>
  (node: PlanNode): [number, number] => [floatAttribute(node, 'alpha', otherwise), 0];

/** Of integers too, which stay what they are. */
const abs = signed('abs', 'wrapAbs');
const neg = signed('neg', 'wrapNeg');

function signed(f: 'abs' | 'neg', wrapping: UnaryName): OperatorCompiler {
  return (node) => {
    const value = laidInput(node, 0);
    if (value.type === 'INT32') return [mapped(node, value, { f: wrapping })];
    if (value.type !== 'INT64') return [mapped(node, value, { f })];
    const size = Math.max(...rangeOf(node, value).map(Math.abs));
    return [mapped(node, value, { f: f === 'neg' ? 'negInt' : f, integers: safe(node, [-size, size]) })];
  };
}

const sign: OperatorCompiler = (node) => [
  mapped(node, laidInput(node, 0), { f: 'sign', integers: { range: [-1, 1] } }),
];

const relu: OperatorCompiler = (node) => {
  const value = laidInput(node, 0);
  demandExact(node, value);
  return [mapped(node, value, { f: 'relu' })];
};

const not: OperatorCompiler = (node) => [mapped(node, laidInput(node, 0), { f: 'not' })];
const isNaN: OperatorCompiler = (node) => [mapped(node, laidInput(node, 0), { f: 'isNaN', type: 'BOOL' })];
const isInf: OperatorCompiler = (node) => [
  mapped(node, laidInput(node, 0), {
    f: 'isInf',
    type: 'BOOL',
    parameters: [intAttribute(node, 'detect_negative', 1), intAttribute(node, 'detect_positive', 1)],
  }),
];

export const UNARY_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [
  ['Exp', real('exp', 10)],
  ['Log', real('log', 10)],
  ['Sqrt', real('sqrt')],
  ['Abs', abs],
  ['Neg', neg],
  ['Sign', sign],
  ['Not', not],
  ['Reciprocal', real('reciprocal')],
  ['Floor', real('floor')],
  ['Ceil', real('ceil')],
  ['Round', real('round', 4)],
  ['IsNaN', isNaN],
  ['IsInf', isInf],
  ['Relu', relu],
  ['LeakyRelu', real('leakyRelu', 2, alpha(0.01))],
  ['ThresholdedRelu', real('thresholdedRelu', 2, alpha(1))],
  ['Elu', real('elu', 12, alpha(1))],
  [
    'Selu',
    real('selu', 12, (node) => [
      floatAttribute(node, 'alpha', 1.6732632423543772),
      floatAttribute(node, 'gamma', 1.0507009873554805),
    ]),
  ],
  ['Sigmoid', real('sigmoid', 12)],
  ['Tanh', real('tanh', 20)],
  ['Erf', real('erf', 60)],
  ['Softplus', real('softplus', 25)],
  ['Softsign', real('softsign')],
  [
    'HardSigmoid',
    real('hardSigmoid', 3, (node) => [floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5)]),
  ],
];
