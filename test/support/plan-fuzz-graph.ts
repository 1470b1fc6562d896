import { elementBytes, type Elements } from '../../src/model/elements.ts';
import type { Datatype, NamedTensor } from '../../src/model/signature.ts';
import {
  ELEMENT,
  model,
  node,
  type NodeInit,
  type TensorInit,
  value,
  type ValueInit,
} from './onnx-builder.ts';

/** Uniform from 0, below 1. */
export type Random = () => number;

export type Type = 'FP32' | 'FP64' | 'INT64' | 'INT32' | 'BYTES';

/** A value of a graph that grows. */
export interface Flow {
  readonly name: string;
  readonly type: Type;
  /** Without the rows. */
  readonly dims: readonly number[];
}

export type Attributes = NonNullable<Parameters<typeof node>[3]>;

const ELEMENTS: Readonly<Record<Type, number>> = {
  FP32: ELEMENT.float,
  FP64: ELEMENT.double,
  INT64: ELEMENT.int64,
  INT32: ELEMENT.int32,
  BYTES: ELEMENT.string,
};
export const ML = 'ai.onnx.ml';
export const WORDS = ['', 'a', 'b', 'Zürich', 'zürich', '北京', 'a ', '😀', 'north', '1', '_Unused'];
export const ODD = [Number.NaN, Infinity, -Infinity, 0, -0, 1, -1, 0.5, 2.7, -2.7];

/** A graph of random operators while it is made, and rows for its inputs. */
export class FuzzedGraph {
  readonly nodes: NodeInit[] = [];
  readonly inputs: Flow[] = [];
  readonly outputs: Flow[] = [];
  readonly constants: TensorInit[] = [];
  readonly opset: number;
  readonly random: Random;
  readonly #rows: number;
  #names = 0;

  constructor(random: Random) {
    this.random = random;
    // ONNX Runtime adds the products of one row alone in another order: its ties are others then.
    this.#rows = 2 + this.below(6);
    this.opset = this.pick([1, 2, 3, 4]);
  }

  artifact(): Uint8Array {
    const declare = ({ name, type, dims }: Flow): ValueInit => value(name, ELEMENTS[type], ['N', ...dims]);
    return model(
      {
        node: this.nodes,
        input: this.inputs.map(declare),
        output: this.outputs.map(declare),
        initializer: this.constants,
      },
      {
        opsets: [
          ['', 17],
          [ML, this.opset],
        ],
      },
    );
  }

  input(type: Type, dims: readonly number[]): Flow {
    const flow = { name: this.name(), type, dims };
    this.inputs.push(flow);
    return flow;
  }

  add(
    op: string,
    inputs: readonly Flow[],
    type: Type,
    dims: readonly number[],
    attributes: Attributes = {},
  ): Flow {
    const name = this.name();
    this.nodes.push(
      node(
        op,
        inputs.map((input) => input.name),
        [name],
        attributes,
        ML,
      ),
    );
    return { name, type, dims };
  }

  tensor({ name, type, dims }: Flow): NamedTensor {
    const count = dims.reduce((a, b) => a * b, this.#rows);
    const isOdd = this.random() < 0.3;
    const numbers = Array.from({ length: count }, () =>
      isOdd && this.random() < 0.3 ? this.pick(ODD) : this.number(),
    );
    const integers = numbers.map((n) => (Number.isFinite(n) ? Math.trunc(n) : 7));
    const elements: Readonly<Record<Type, () => Elements>> = {
      FP32: () => Float32Array.from(numbers),
      FP64: () => Float64Array.from(numbers),
      INT64: () => BigInt64Array.from(integers, BigInt),
      INT32: () => Int32Array.from(integers),
      BYTES: () => Array.from({ length: count }, () => this.pick([...WORDS, 'unseen'])),
    };
    return {
      name,
      datatype: type satisfies Datatype,
      shape: [this.#rows, ...dims],
      data: elementBytes(elements[type]()),
    };
  }

  /** Eighths: sums and products of some of them are exact, so that ties are ties however they are summed. */
  number(): number {
    return (this.below(49) - 24) / 8;
  }

  numbers(count: number): number[] {
    return Array.from({ length: count }, () => this.number());
  }

  integers(count: number): number[] {
    return Array.from({ length: count }, () => this.below(7) - 3);
  }

  name(): string {
    return `v${this.#names++}`;
  }

  below(count: number): number {
    return Math.floor(this.random() * count);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

export function tensorOf(type: Type, list: readonly (number | string)[]): TensorInit {
  const dims = [BigInt(list.length)];
  const name = '';
  if (type === 'BYTES')
    return {
      name,
      dims,
      dataType: ELEMENT.string,
      stringData: list.map((text) => new TextEncoder().encode(String(text))),
    };
  if (type === 'INT64') return { name, dims, dataType: ELEMENT.int64, int64Data: list.map(BigInt) };
  return { name, dims, dataType: ELEMENT.float, floatData: list.map(Number) };
}
