import type { NamedTensor } from '../../src/model/signature.ts';
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

/** Numbers from 0 up to 1, the same for the same seed. */
export type Random = () => number;

export interface Shaped {
  readonly name: string;
  readonly dims: readonly number[];
}

/** Numbers that are often got wrong; none so large that float sums overflow on the way to a number. */
const ODD = [Number.NaN, Infinity, -Infinity, -0, 1e-35, 1e18, -1e18, 1e10, 0.5, -0.5, 2.5];

/** A graph of standard operators as it grows. */
export class GraphDraft {
  protected readonly random: Random;
  protected readonly opset: number;
  protected readonly nodes: NodeInit[] = [];
  protected readonly constants: TensorInit[] = [];
  protected readonly inputs: Shaped[] = [];
  protected readonly values: Shaped[] = [];
  protected readonly outputs: { name: string; type: number; dims: readonly number[] }[] = [];
  protected readonly element: 1 | 11;
  protected names = 0;

  constructor(random: Random) {
    this.random = random;
    this.opset = this.pick([11, 13, 17, 18]);
    this.element = this.random() < 0.15 ? ELEMENT.double : ELEMENT.float;
    const count = 1 + this.below(2);
    for (let index = 0; index < count; index++) {
      const dims = this.pick([[1], [3], [4], [3], [2, 3], []]);
      const input = { name: `x${index}`, dims };
      this.inputs.push(input);
      this.values.push(input);
    }
  }

  below(bound: number): number {
    return Math.floor(this.random() * bound);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  artifact(): Uint8Array {
    const last = this.values.at(-1) as Shaped;
    const outputs = this.outputs.map(({ name, type, dims }) => value(name, type, ['n', ...dims]));
    this.nodes.push(node('Identity', [last.name], ['y']));
    return model(
      {
        node: this.nodes,
        initializer: this.constants,
        input: this.inputs.map(({ name, dims }) => value(name, this.element, ['n', ...dims])),
        output: [value('y', this.element, ['n', ...last.dims]), ...outputs],
      },
      { opsets: [['', this.opset]] },
    );
  }

  rows(rows: number): NamedTensor[] {
    return this.inputs.map(({ name, dims }) => {
      const numbers = Array.from({ length: rows * product(dims) }, () => this.number());
      const isFloat = this.element === ELEMENT.float;
      const { buffer } = isFloat ? Float32Array.from(numbers) : Float64Array.from(numbers);
      const datatype = isFloat ? 'FP32' : 'FP64';
      return { name, datatype, shape: [rows, ...dims], data: new Uint8Array(buffer) };
    });
  }

  protected number(): number {
    if (this.random() < 0.08) return this.pick(ODD);
    return this.random() < 0.3 ? this.below(9) - 4 : (this.random() - 0.5) * 8;
  }

  protected name(): string {
    return `v${this.names++}`;
  }

  /** A node of one float output. */
  protected add(op: string, inputs: readonly string[], dims: readonly number[], attributes = {}): Shaped {
    const name = this.name();
    this.nodes.push(node(op, inputs, [name], attributes));
    const shaped = { name, dims };
    this.values.push(shaped);
    return shaped;
  }

  protected constant(dims: readonly number[]): Shaped {
    const name = this.name();
    const numbers = Array.from({ length: product(dims) }, () => (this.random() - 0.4) * 4);
    this.constants.push(this.tensor(name, dims, numbers));
    return { name, dims };
  }

  protected tensor(name: string, dims: readonly number[], numbers: readonly number[]): TensorInit {
    if (this.element === ELEMENT.float) return floats(name, dims, numbers);
    return { name, dims: dims.map(BigInt), dataType: this.element, doubleData: [...numbers] };
  }

  protected integers(numbers: readonly number[]): string {
    const name = this.name();
    this.constants.push(int64s(name, [numbers.length], numbers.map(BigInt)));
    return name;
  }

  /** A value of the same rank or a constant of at most it, which fits. */
  protected other({ dims }: Shaped): Shaped {
    const like = this.values.filter(({ dims: other }) => String(other) === String(dims));
    if (this.random() < 0.4) return this.pick(like);
    const some = dims.slice(this.below(dims.length + 1)).map((dim) => (this.random() < 0.2 ? 1 : dim));
    return this.constant(some);
  }

  protected pair(from: Shaped): [string, string] {
    const other = this.other(from);
    return this.random() < 0.5 ? [from.name, other.name] : [other.name, from.name];
  }

  protected axis(dims: readonly number[]): number | undefined {
    return dims.length === 0 ? undefined : this.below(dims.length);
  }
}

export function product(dims: readonly number[]): number {
  return dims.reduce((size, dim) => size * dim, 1);
}
