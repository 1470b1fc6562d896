import type { NamedTensor } from '../../src/model/signature.ts';
import { ELEMENT, node } from './onnx-builder.ts';
import { GraphDraft, product, type Random, type Shaped } from './plan-fuzz-draft.ts';

/**
 * A random small graph of standard operators, and rows for it. Graphs that ONNX Runtime refuses (it lacks some
 * operators of doubles) are made too, now and then.
 */
export function randomTensorGraph(random: Random): { artifact: Uint8Array; inputs: NamedTensor[] } {
  const graph = new RandomGraph(random);
  const steps = 1 + graph.below(6);
  for (let step = 0; step < steps; step++) graph.grow();
  const rows = 1 + graph.below(5);
  return { artifact: graph.artifact(), inputs: graph.rows(rows) };
}

class RandomGraph extends GraphDraft {
  grow(): void {
    const from = this.pick(this.values);
    this.pick([
      () => this.unary(from),
      () => this.binary(from),
      () => this.compare(from),
      () => this.product(from),
      () => this.reduce(from),
      () => this.softmax(from),
      () => this.gather(from),
      () => this.slice(from),
      () => this.reshape(from),
      () => this.transpose(from),
      () => this.concat(from),
      () => this.rank(from),
      () => this.clip(from),
      () => this.where(from),
      () => this.integer(from),
      () => this.lookup(from),
      () => this.topK(from),
      () => this.expand(from),
    ])();
  }

  protected unary({ name, dims }: Shaped): void {
    const [op, attributes] = this.pick(UNARY);
    this.add(op, [name], dims, attributes);
  }

  protected binary(from: Shaped): void {
    const op = this.pick(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Sum', 'Mean', 'Pow', 'PRelu']);
    const pair = op === 'PRelu' || op === 'Pow' ? [from.name, this.other(from).name] : this.pair(from);
    this.add(op, pair, from.dims);
  }

  protected compare(from: Shaped): void {
    const test = this.name();
    const op = this.pick(this.opset < 12 ? ['Less', 'Greater', 'Equal'] : ['LessOrEqual', 'GreaterOrEqual']);
    this.nodes.push(node(op, this.pair(from), [test]));
    if (this.random() < 0.3) this.outputs.push({ name: test, type: ELEMENT.bool, dims: from.dims });
    this.add('Cast', [test], from.dims, { to: BigInt(this.element) });
  }

  protected where(from: Shaped): void {
    const test = this.name();
    this.nodes.push(node('Greater', this.pair(from), [test]));
    this.add('Where', [test, ...this.pair(from)], from.dims);
  }

  protected product({ name, dims }: Shaped): void {
    const k = dims.at(-1);
    if (k === undefined) return;
    const n = 1 + this.below(6);
    if (dims.length === 1 && this.random() < 0.5) {
      const transB = this.below(2);
      const weights = this.constant(transB === 1 ? [n, k] : [k, n]);
      const bias = this.constant(this.pick([[n], [1, n], [1], []]));
      const attributes = { transB: BigInt(transB), alpha: this.pick([1, -2]), beta: this.pick([1, 0.5]) };
      this.add('Gemm', [name, weights.name, bias.name], [n], attributes);
    } else this.add('MatMul', [name, this.constant([k, n]).name], [...dims.slice(0, -1), n]);
  }

  protected reduce({ name, dims }: Shaped): void {
    const axis = this.axis(dims);
    if (axis === undefined) return;
    // Where NaN lies decides what the greatest and least of many are; of few it is known.
    const extremes = (dims[axis] as number) > 4 ? [] : ['Max', 'Min'];
    const op = this.pick(['Sum', 'Mean', 'Prod', 'SumSquare', 'L1', 'L2', 'LogSumExp', ...extremes]);
    const keeps = this.below(2);
    const reduced = keeps === 1 ? dims.with(axis, 1) : dims.toSpliced(axis, 1);
    const asInput = this.opset >= 18 || (op === 'Sum' && this.opset >= 13);
    const written = this.pick([axis + 1, axis - dims.length]);
    const keepdims = BigInt(keeps);
    if (asInput) this.add(`Reduce${op}`, [name, this.integers([written])], reduced, { keepdims });
    else this.add(`Reduce${op}`, [name], reduced, { axes: [BigInt(written)], keepdims });
  }

  protected softmax({ name, dims }: Shaped): void {
    const axis = this.axis(dims);
    if (axis === undefined) return;
    const op = this.pick(['Softmax', 'LogSoftmax']);
    this.add(op, [name], dims, { axis: BigInt(axis + 1) });
  }

  protected gather({ name, dims }: Shaped): void {
    const axis = this.axis(dims);
    if (axis === undefined) return;
    const size = dims[axis] as number;
    const indices = Array.from({ length: 1 + this.below(3) }, () => this.below(2 * size) - size);
    const picked = dims.with(axis, indices.length);
    this.add('Gather', [name, this.integers(indices)], picked, { axis: BigInt(axis + 1) });
  }

  protected slice({ name, dims }: Shaped): void {
    const axis = this.axis(dims);
    if (axis === undefined) return;
    const size = dims[axis] as number;
    const isBack = this.random() < 0.3;
    const start = this.below(size);
    const inputs = isBack ? [[-1], [-size - 1], [axis + 1], [-1]] : [[start], [size + 5], [axis + 1], [1]];
    const names = inputs.map((numbers) => this.integers(numbers));
    this.add('Slice', [name, ...names], dims.with(axis, isBack ? size : size - start));
  }

  protected reshape({ name, dims }: Shaped): void {
    const size = product(dims);
    const shaped = this.pick([[size], [1, size], [size, 1], dims]);
    if (this.random() < 0.5) {
      this.add('Reshape', [name, this.integers([-1, ...shaped])], shaped);
      return;
    }
    // As PyTorch writes x.view(x.size(0), ...).
    const [shape, rows, whole] = [this.name(), this.name(), this.name()];
    this.nodes.push(
      node('Shape', [name], [shape]),
      node('Gather', [shape, this.integers([0])], [rows], { axis: 0n }),
      node('Concat', [rows, this.integers(shaped)], [whole], { axis: 0n }),
    );
    this.add('Reshape', [name, whole], shaped);
  }

  protected expand({ name, dims }: Shaped): void {
    if (dims.length === 0) return;
    const wide = [2, ...dims];
    const straight = this.add('Reshape', [name, this.integers([-1, 1, ...dims])], [1, ...dims]);
    this.add('Expand', [straight.name, this.integers([1, ...wide])], wide);
  }

  protected integer({ name, dims }: Shaped): void {
    const [whole, result] = [this.name(), this.name()];
    const constant = this.name();
    const numbers = Array.from({ length: product(dims) }, () => this.pick([2, 3, -5, 7, 70_000]));
    this.constants.push({
      name: constant,
      dims: dims.map(BigInt),
      dataType: ELEMENT.int32,
      int32Data: numbers,
    });
    const op = this.pick(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Mod']);
    this.nodes.push(
      node('Cast', [name], [whole], { to: BigInt(ELEMENT.int32) }),
      node(op, [whole, constant], [result]),
    );
    if (this.random() < 0.3) this.outputs.push({ name: result, type: ELEMENT.int32, dims });
    this.add('Cast', [result], dims, { to: BigInt(this.element) });
  }

  /** An embedding of the greatest element's index. */
  protected lookup({ name, dims }: Shaped): void {
    const [size] = dims;
    if (size === undefined || dims.length !== 1) return;
    const index = this.name();
    this.nodes.push(node('ArgMax', [name], [index], { axis: 1n, keepdims: 0n }));
    this.add('Gather', [this.constant([size, 3]).name, index], [3], { axis: 0n });
  }

  protected topK({ name, dims }: Shaped): void {
    const size = dims.at(-1);
    if (size === undefined || this.values.length > 2) return;
    const k = 1 + this.below(size);
    const [values, indices] = [this.name(), this.name()];
    const largest = BigInt(this.below(2));
    // Where NaN comes in the order is left open.
    const bounded = this.name();
    const odd = this.name();
    this.nodes.push(
      node('IsNaN', [name], [odd]),
      node('Where', [odd, this.constant([]).name, name], [bounded]),
      node('TopK', [bounded, this.integers([k])], [values, indices], { axis: -1n, largest }),
    );
    this.outputs.push({ name: indices, type: ELEMENT.int64, dims: dims.with(dims.length - 1, k) });
    this.values.push({ name: values, dims: dims.with(dims.length - 1, k) });
  }

  protected transpose({ name, dims }: Shaped): void {
    if (dims.length !== 2) return;
    this.add('Transpose', [name], dims.toReversed(), { perm: [0n, 2n, 1n] });
  }

  protected concat(from: Shaped): void {
    const axis = this.axis(from.dims);
    if (axis === undefined) return;
    const like = this.values.filter(({ dims }) => String(dims) === String(from.dims));
    const other = this.pick(like);
    const whole = from.dims.with(axis, 2 * (from.dims[axis] as number));
    this.add('Concat', [from.name, other.name], whole, { axis: BigInt(axis + 1) });
  }

  protected rank({ name, dims }: Shaped): void {
    const axis = this.axis(dims);
    if (axis === undefined) return;
    const index = this.name();
    const keepdims = BigInt(this.below(2));
    const chosen = keepdims === 1n ? dims.with(axis, 1) : dims.toSpliced(axis, 1);
    const op = this.pick(['ArgMax', 'ArgMin']);
    const select = this.opset >= 12 ? { select_last_index: BigInt(this.below(2)) } : {};
    this.nodes.push(node(op, [name], [index], { axis: BigInt(axis + 1), keepdims, ...select }));
    if (this.random() < 0.5) this.outputs.push({ name: index, type: ELEMENT.int64, dims: chosen });
    this.add('Cast', [index], chosen, { to: BigInt(this.element) });
  }

  protected clip({ name, dims }: Shaped): void {
    const bounds = [-1, 2].map((bound) => {
      const constant = this.name();
      this.constants.push(this.tensor(constant, [], [bound]));
      return constant;
    });
    this.add('Clip', [name, ...bounds], dims);
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
