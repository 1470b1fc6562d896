import {
  ELEMENT,
  floats,
  int64s,
  model,
  node,
  type NodeInit,
  type TensorInit,
  value,
} from './onnx-builder.ts';
import type { NamedTensor } from '../../src/model/signature.ts';

/** Numbers from 0 up to 1, the same for the same seed. */
export type Random = () => number;

interface Shaped {
  readonly name: string;
  readonly dims: readonly number[];
}

/** Numbers that are often got wrong; none so large that float sums overflow on the way to a number. */
const ODD = [Number.NaN, Infinity, -Infinity, -0, 1e-35, 1e18, -1e18, 1e10, 0.5, -0.5, 2.5];

/**
 * A random small graph of standard operators on floats, and rows for it. Graphs that ONNX Runtime refuses are made
 * too, now and then: whoever runs them takes no plan for those.
 */
export function randomTensorGraph(random: Random): { artifact: Uint8Array; inputs: NamedTensor[] } {
  const graph = new RandomGraph(random);
  const steps = 1 + graph.below(6);
  for (let step = 0; step < steps; step++) graph.grow();
  const rows = 1 + graph.below(5);
  return { artifact: graph.artifact(), inputs: graph.inputs(rows) };
}

class RandomGraph {
  readonly #random: Random;
  readonly #opset: number;
  readonly #nodes: NodeInit[] = [];
  readonly #constants: TensorInit[] = [];
  readonly #inputs: Shaped[] = [];
  readonly #values: Shaped[] = [];
  readonly #outputs: { name: string; type: number; dims: readonly number[] }[] = [];
  #names = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#opset = this.pick([11, 13, 17, 18]);
    const count = 1 + this.below(2);
    for (let index = 0; index < count; index++) {
      const dims = this.pick([[1], [3], [4], [3], [2, 3], []]);
      const input = { name: `x${index}`, dims };
      this.#inputs.push(input);
      this.#values.push(input);
    }
  }

  below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  artifact(): Uint8Array {
    const last = this.#values.at(-1) as Shaped;
    const outputs = this.#outputs.map(({ name, type, dims }) => value(name, type, ['n', ...dims]));
    this.#nodes.push(node('Identity', [last.name], ['y']));
    return model(
      {
        node: this.#nodes,
        initializer: this.#constants,
        input: this.#inputs.map(({ name, dims }) => value(name, ELEMENT.float, ['n', ...dims])),
        output: [value('y', ELEMENT.float, ['n', ...last.dims]), ...outputs],
      },
      { opsets: [['', this.#opset]] },
    );
  }

  inputs(rows: number): NamedTensor[] {
    return this.#inputs.map(({ name, dims }) => {
      const numbers = Float32Array.from({ length: rows * product(dims) }, () => this.#number());
      return { name, datatype: 'FP32', shape: [rows, ...dims], data: new Uint8Array(numbers.buffer) };
    });
  }

  grow(): void {
    const from = this.pick(this.#values);
    this.pick([
      () => this.#unary(from),
      () => this.#binary(from),
      () => this.#compare(from),
      () => this.#product(from),
      () => this.#reduce(from),
      () => this.#softmax(from),
      () => this.#gather(from),
      () => this.#slice(from),
      () => this.#reshape(from),
      () => this.#transpose(from),
      () => this.#concat(from),
      () => this.#rank(from),
      () => this.#clip(from),
      () => this.#where(from),
    ])();
  }

  #number(): number {
    if (this.#random() < 0.08) return this.pick(ODD);
    return this.#random() < 0.3 ? this.below(9) - 4 : (this.#random() - 0.5) * 8;
  }

  #name(): string {
    return `v${this.#names++}`;
  }

  /** A node of one float output. */
  #add(op: string, inputs: readonly string[], dims: readonly number[], attributes = {}): Shaped {
    const name = this.#name();
    this.#nodes.push(node(op, inputs, [name], attributes));
    const shaped = { name, dims };
    this.#values.push(shaped);
    return shaped;
  }

  #constant(dims: readonly number[]): Shaped {
    const name = this.#name();
    const numbers = Array.from({ length: product(dims) }, () => (this.#random() - 0.4) * 4);
    this.#constants.push(floats(name, dims, numbers));
    return { name, dims };
  }

  #integers(numbers: readonly number[]): string {
    const name = this.#name();
    this.#constants.push(int64s(name, [numbers.length], numbers.map(BigInt)));
    return name;
  }

  #unary({ name, dims }: Shaped): void {
    const [op, attributes] = this.pick(UNARY);
    this.#add(op, [name], dims, attributes);
  }

  /** A value of the same rank or a constant of at most it, which fits. */
  #other({ dims }: Shaped): Shaped {
    const like = this.#values.filter(({ dims: other }) => String(other) === String(dims));
    if (this.#random() < 0.4) return this.pick(like);
    const some = dims.slice(this.below(dims.length + 1)).map((dim) => (this.#random() < 0.2 ? 1 : dim));
    return this.#constant(some);
  }

  #pair(from: Shaped): [string, string] {
    const other = this.#other(from);
    return this.#random() < 0.5 ? [from.name, other.name] : [other.name, from.name];
  }

  #binary(from: Shaped): void {
    const op = this.pick(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Sum', 'Mean', 'Pow', 'PRelu']);
    const pair = op === 'PRelu' || op === 'Pow' ? [from.name, this.#other(from).name] : this.#pair(from);
    this.#add(op, pair, from.dims);
  }

  #compare(from: Shaped): void {
    const test = this.#name();
    const op = this.pick(this.#opset < 12 ? ['Less', 'Greater', 'Equal'] : ['LessOrEqual', 'GreaterOrEqual']);
    this.#nodes.push(node(op, this.#pair(from), [test]));
    if (this.#random() < 0.3) this.#outputs.push({ name: test, type: ELEMENT.bool, dims: from.dims });
    this.#add('Cast', [test], from.dims, { to: BigInt(ELEMENT.float) });
  }

  #where(from: Shaped): void {
    const test = this.#name();
    this.#nodes.push(node('Greater', this.#pair(from), [test]));
    this.#add('Where', [test, ...this.#pair(from)], from.dims);
  }

  #product({ name, dims }: Shaped): void {
    const k = dims.at(-1);
    if (k === undefined) return;
    const n = 1 + this.below(6);
    if (dims.length === 1 && this.#random() < 0.5) {
      const transB = this.below(2);
      const weights = this.#constant(transB === 1 ? [n, k] : [k, n]);
      const bias = this.#constant(this.pick([[n], [1, n], [1], []]));
      const attributes = { transB: BigInt(transB), alpha: this.pick([1, -2]), beta: this.pick([1, 0.5]) };
      this.#add('Gemm', [name, weights.name, bias.name], [n], attributes);
    } else this.#add('MatMul', [name, this.#constant([k, n]).name], [...dims.slice(0, -1), n]);
  }

  #axis(dims: readonly number[]): number | undefined {
    return dims.length === 0 ? undefined : this.below(dims.length);
  }

  #reduce({ name, dims }: Shaped): void {
    const axis = this.#axis(dims);
    if (axis === undefined) return;
    // Where NaN lies decides what the greatest and least of many are; of few it is known.
    const extremes = (dims[axis] as number) > 4 ? [] : ['Max', 'Min'];
    const op = this.pick(['Sum', 'Mean', 'Prod', 'SumSquare', 'L1', 'L2', 'LogSumExp', ...extremes]);
    const keeps = this.below(2);
    const reduced = keeps === 1 ? dims.with(axis, 1) : dims.toSpliced(axis, 1);
    const asInput = this.#opset >= 18 || (op === 'Sum' && this.#opset >= 13);
    const written = this.pick([axis + 1, axis - dims.length]);
    const keepdims = BigInt(keeps);
    if (asInput) this.#add(`Reduce${op}`, [name, this.#integers([written])], reduced, { keepdims });
    else this.#add(`Reduce${op}`, [name], reduced, { axes: [BigInt(written)], keepdims });
  }

  #softmax({ name, dims }: Shaped): void {
    const axis = this.#axis(dims);
    if (axis === undefined) return;
    const op = this.pick(['Softmax', 'LogSoftmax']);
    this.#add(op, [name], dims, { axis: BigInt(axis + 1) });
  }

  #gather({ name, dims }: Shaped): void {
    const axis = this.#axis(dims);
    if (axis === undefined) return;
    const size = dims[axis] as number;
    const indices = Array.from({ length: 1 + this.below(3) }, () => this.below(2 * size) - size);
    const picked = dims.with(axis, indices.length);
    this.#add('Gather', [name, this.#integers(indices)], picked, { axis: BigInt(axis + 1) });
  }

  #slice({ name, dims }: Shaped): void {
    const axis = this.#axis(dims);
    if (axis === undefined) return;
    const size = dims[axis] as number;
    const isBack = this.#random() < 0.3;
    const start = this.below(size);
    const inputs = isBack ? [[-1], [-size - 1], [axis + 1], [-1]] : [[start], [size + 5], [axis + 1], [1]];
    const names = inputs.map((numbers) => this.#integers(numbers));
    this.#add('Slice', [name, ...names], dims.with(axis, isBack ? size : size - start));
  }

  #reshape({ name, dims }: Shaped): void {
    const size = product(dims);
    const shaped = this.pick([[size], [1, size], [size, 1], dims]);
    this.#add('Reshape', [name, this.#integers([-1, ...shaped])], shaped);
  }

  #transpose({ name, dims }: Shaped): void {
    if (dims.length !== 2) return;
    this.#add('Transpose', [name], dims.toReversed(), { perm: [0n, 2n, 1n] });
  }

  #concat(from: Shaped): void {
    const axis = this.#axis(from.dims);
    if (axis === undefined) return;
    const like = this.#values.filter(({ dims }) => String(dims) === String(from.dims));
    const other = this.pick(like);
    const whole = from.dims.with(axis, 2 * (from.dims[axis] as number));
    this.#add('Concat', [from.name, other.name], whole, { axis: BigInt(axis + 1) });
  }

  #rank({ name, dims }: Shaped): void {
    const axis = this.#axis(dims);
    if (axis === undefined) return;
    const index = this.#name();
    const keepdims = BigInt(this.below(2));
    const chosen = keepdims === 1n ? dims.with(axis, 1) : dims.toSpliced(axis, 1);
    const op = this.pick(['ArgMax', 'ArgMin']);
    const select = this.#opset >= 12 ? { select_last_index: BigInt(this.below(2)) } : {};
    this.#nodes.push(node(op, [name], [index], { axis: BigInt(axis + 1), keepdims, ...select }));
    if (this.#random() < 0.5) this.#outputs.push({ name: index, type: ELEMENT.int64, dims: chosen });
    this.#add('Cast', [index], chosen, { to: BigInt(ELEMENT.float) });
  }

  #clip({ name, dims }: Shaped): void {
    const bounds = [-1, 2].map((bound) => {
      const constant = this.#name();
      this.#constants.push(floats(constant, [], [bound]));
      return constant;
    });
    this.#add('Clip', [name, ...bounds], dims);
  }
}

const UNARY: readonly (readonly [string, Record<string, number>])[] = [
  ...['Exp', 'Log', 'Sqrt', 'Abs', 'Neg', 'Relu', 'Sigmoid', 'Tanh', 'Erf', 'Softplus', 'Softsign'].map(
    (op) => [op, {}] as const,
  ),
  ...['Reciprocal', 'Floor', 'Ceil', 'Round', 'Sign', 'Identity', 'HardSigmoid'].map(
    (op) => [op, {}] as const,
  ),
  ['LeakyRelu', { alpha: 0.1 }],
  ['Elu', { alpha: 1.5 }],
  ['Selu', {}],
];

function product(dims: readonly number[]): number {
  return dims.reduce((size, dim) => size * dim, 1);
}
