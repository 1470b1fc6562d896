import type { OperatorCompiler, PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { kindOf, numbersOf, sizeOf, type Value } from '../../values.ts';
import { unionOf } from './concat.ts';
import { rangeOf } from './integers.ts';
import { aligned, sameType, spreadNumbers, spreadOf } from './operands.ts';
import { laidInput } from './parameters.ts';
import { mapped } from './unary.ts';

const where: OperatorCompiler = (node) => {
  const { values, dims } = aligned(node, [laidInput(node, 0), laidInput(node, 1), laidInput(node, 2)]);
  const [condition, a, b] = values as [Value, Value, Value];
  const type = sameType(node, [a, b]);
  const { builder } = node;
  if (values.every(({ kind }) => kind === 'const'))
    return [
      builder.constant(type, dims, () => {
        const [test, left, right] = values.map((value) => spreadNumbers(node, value, dims));
        return (left as Float64Array).map(
          (number, at) => (test?.[at] === 0 ? right?.[at] : number) as number,
        );
      }),
    ];
  const integers = kindOf(type) === 'int' ? unionOf([a, b].map((value) => known(node, value))) : undefined;
  const output = builder.row(type, dims, undefined, integers);
  builder.step(
    {
      op: 'where',
      condition: spreadOf(node, condition, dims),
      a: spreadOf(node, a, dims),
      b: spreadOf(node, b, dims),
      dims,
      output: output.register,
    },
    4 * sizeOf(dims),
  );
  return [output];
};

function known(node: PlanNode, value: Value) {
  return value.kind === 'row' ? value : { integers: { range: rangeOf(node, value) } };
}

const clip: OperatorCompiler = (node) => {
  const value = laidInput(node, 0);
  if (kindOf(value.type) === 'int') throw new NotCompiled(`clips integers in ${node.name}`);
  return [
    mapped(node, value, { f: 'clip', parameters: [bound(node, 'min', 1), bound(node, 'max', 2)], work: 3 }),
  ];
};

function bound(node: PlanNode, name: 'min' | 'max', index: number): number {
  // Without one, all numbers of the type are within; only infinities tell.
  const open = name === 'min' ? -Infinity : Infinity;
  if (node.opset < 11) return node.attribute(name)?.f ?? Math.sign(open) * 3.4028234663852886e38;
  const input = node.inputs[index];
  if (input === undefined) return open;
  const numbers = numbersOf(input, `${name} of ${node.name}`);
  if (numbers.length !== 1) throw new NotCompiled(`has bounds that are no scalars in ${node.name}`);
  return numbers[0] as number;
}

export const CHOICE_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [
  ['Where', where],
  ['Clip', clip],
];
