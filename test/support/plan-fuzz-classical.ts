import type { NamedTensor } from '../../src/model/signature.ts';
import { int64s, node } from './onnx-builder.ts';
import {
  type Attributes,
  type Flow,
  FuzzedGraph,
  ML,
  ODD,
  type Random,
  tensorOf,
  type Type,
  WORDS,
} from './plan-fuzz-graph.ts';

const TRANSFORMS = ['NONE', 'LOGISTIC', 'SOFTMAX', 'SOFTMAX_ZERO', 'PROBIT'];

/** A graph of ai.onnx.ml operators but for trees, and rows that hit its categories, ties and odd numbers. */
export function randomClassicalGraph(random: Random): {
  readonly artifact: Uint8Array;
  readonly inputs: readonly NamedTensor[];
} {
  const graph = new ClassicalGraph(random);
  graph.grow();
  return { artifact: graph.artifact(), inputs: graph.inputs.map((input) => graph.tensor(input)) };
}

class ClassicalGraph extends FuzzedGraph {
  grow(): void {
    const branches = 1 + this.below(3);
    const ends: Flow[] = [];
    for (let branch = 0; branch < branches; branch++)
      ends.push(this.random() < 0.4 ? this.#category() : this.#numeric());
    const vectors = ends.filter(({ type, dims }) => type === 'FP32' && dims.length > 0);
    if (vectors.length > 1 && this.random() < 0.7) {
      const widths = vectors.map(({ dims }) =>
        Math.max(1, dims.reduce((a, b) => a * b, 1) + this.pick([0, 0, 0, 1, -1])),
      );
      const joined = this.add('FeatureVectorizer', vectors, 'FP32', [widths.reduce((a, b) => a + b)], {
        inputdimensions: widths.map(BigInt),
      });
      this.#head(joined);
    } else for (const end of ends) this.#end(end);
  }

  #numeric(): Flow {
    const type = this.pick<Type>(['FP32', 'FP32', 'FP32', 'FP64', 'INT64', 'INT32']);
    let flow = this.input(type, [1 + this.below(5)]);
    for (let step = this.below(4); step > 0; step--) flow = this.#step(flow);
    return flow;
  }

  #step(flow: Flow): Flow {
    const [width = 1] = flow.dims;
    const kind = this.below(5);
    if (kind === 0)
      return this.add('Scaler', [flow], 'FP32', flow.dims, {
        offset: this.numbers(width),
        scale: this.numbers(width),
      });
    if (kind === 1) {
      const norm = this.pick(['MAX', 'L1', 'L2']);
      return norm === 'L2' && flow.type !== 'FP32'
        ? flow
        : this.add('Normalizer', [flow], 'FP32', flow.dims, { norm });
    }
    if (kind === 2 && flow.type === 'FP32')
      return this.add('Imputer', [flow], 'FP32', flow.dims, {
        imputed_value_floats: this.numbers(this.pick([1, width, width, 3])),
        replaced_value_float: this.pick(ODD),
      });
    if (kind === 2 && flow.type === 'INT64')
      return this.add('Imputer', [flow], 'INT64', flow.dims, {
        imputed_value_int64s: this.integers(this.pick([1, width])).map(BigInt),
        replaced_value_int64: BigInt(this.below(3)),
      });
    if (kind === 3 && flow.type === 'FP32' && this.random() < 0.5)
      return this.add('Binarizer', [flow], 'FP32', flow.dims, { threshold: this.number() });
    const columns = Array.from({ length: 1 + this.below(4) }, () => this.below(width));
    const name = this.name();
    this.constants.push(int64s(name, [columns.length], columns.map(BigInt)));
    return this.add('ArrayFeatureExtractor', [flow, { ...flow, name }], flow.type, [columns.length]);
  }

  #end(flow: Flow): void {
    if (flow.type === 'BYTES' || flow.dims.length !== 1 || this.random() < 0.2) this.outputs.push(flow);
    else this.#head(flow);
  }

  #head(flow: Flow): void {
    const kind = this.below(5);
    if (kind === 0 && flow.type === 'FP32') this.#regressor(flow);
    else if (kind === 1) this.#svmClassifier(flow);
    else if (kind === 2 && flow.type === 'FP32') this.#svmRegressor(flow);
    else this.#classifier(flow);
  }

  #regressor(flow: Flow): void {
    const [width = 1] = flow.dims;
    const targets = 1 + this.below(6);
    this.outputs.push(
      this.add('LinearRegressor', [flow], 'FP32', [targets], {
        coefficients: this.numbers(width * targets),
        ...(this.random() < 0.8 ? { intercepts: this.numbers(this.pick([targets, targets, 1])) } : {}),
        targets: BigInt(targets),
        post_transform: this.pick(TRANSFORMS),
      }),
    );
  }

  #classifier(flow: Flow): void {
    const [width = 1] = flow.dims;
    const targets = 1 + this.below(6);
    const classes = Math.max(2, targets);
    const transform = this.pick(TRANSFORMS);
    this.#classes(flow, 'LinearClassifier', classes, {
      coefficients: this.numbers(width * targets),
      intercepts: this.numbers(targets),
      multi_class: BigInt(this.below(2)),
      post_transform: targets === 1 && transform === 'PROBIT' ? 'NONE' : transform,
    });
  }

  #svmClassifier(flow: Flow): void {
    const [width = 1] = flow.dims;
    const classes = 2 + this.below(3);
    const pairs = (classes * (classes - 1)) / 2;
    const perClass = Array.from({ length: classes }, () => 1 + this.below(3));
    const total = perClass.reduce((a, b) => a + b);
    const isProbable = this.random() < 0.5;
    const transform = this.pick(TRANSFORMS);
    this.#classes(
      flow,
      'SVMClassifier',
      classes,
      {
        ...this.#kernel(),
        support_vectors: this.numbers(total * width),
        coefficients: this.numbers((classes - 1) * total),
        vectors_per_class: perClass.map(BigInt),
        rho: this.numbers(pairs),
        post_transform: classes === 2 && !isProbable && transform === 'PROBIT' ? 'NONE' : transform,
        ...(isProbable ? { prob_a: this.numbers(pairs), prob_b: this.numbers(pairs) } : {}),
      },
      isProbable || classes === 2 ? classes : pairs,
    );
  }

  #svmRegressor(flow: Flow): void {
    const [width = 1] = flow.dims;
    const vectors = 1 + this.below(5);
    this.outputs.push(
      this.add('SVMRegressor', [flow], 'FP32', [1], {
        ...this.#kernel(),
        support_vectors: this.numbers(vectors * width),
        coefficients: this.numbers(vectors),
        n_supports: BigInt(vectors),
        rho: this.numbers(1),
        one_class: BigInt(this.below(2)),
      }),
    );
  }

  #kernel(): Attributes {
    return {
      kernel_type: this.pick(['LINEAR', 'POLY', 'RBF', 'SIGMOID']),
      kernel_params: [this.pick([0.25, 0.5, 1]), this.pick([0, 0.5]), this.pick([1, 2, 3, 4])],
    };
  }

  /** A classifier's label and scores. */
  #classes(flow: Flow, op: string, classes: number, attributes: Attributes, columns = classes): void {
    const isText = this.random() < 0.5;
    const label: Flow = { name: this.name(), type: isText ? 'BYTES' : 'INT64', dims: [] };
    const scores: Flow = { name: this.name(), type: 'FP32', dims: [columns] };
    this.nodes.push(
      node(
        op,
        [flow.name],
        [label.name, scores.name],
        {
          ...attributes,
          ...(isText
            ? { classlabels_strings: WORDS.slice(0, classes) }
            : { classlabels_ints: WORDS.slice(0, classes).map((_, index) => BigInt(index * 7 - 3)) }),
        },
        ML,
      ),
    );
    this.outputs.push(label, scores);
  }

  #category(): Flow {
    const kind = this.below(3);
    const isText = this.random() < 0.5;
    const dims = this.pick([[1], [2], [3]]);
    if (kind === 0) {
      const type = isText ? 'BYTES' : this.pick<Type>(['INT64', 'FP32', 'FP64']);
      const categories = isText ? this.#words() : this.integers(1 + this.below(5)).map(BigInt);
      return this.add('OneHotEncoder', [this.input(type, dims)], 'FP32', [...dims, categories.length], {
        [isText ? 'cats_strings' : 'cats_int64s']: categories,
        zeros: this.random() < 0.9 ? 1n : 0n,
      });
    }
    if (kind === 1 || this.opset === 1) {
      const words = this.#words();
      const name = kind === 1 ? 'CategoryMapper' : 'LabelEncoder';
      const input = this.input(isText ? 'BYTES' : 'INT64', dims);
      return this.add(name, [input], isText ? 'INT64' : 'BYTES', dims, {
        [kind === 1 ? 'cats_strings' : 'classes_strings']: words,
        ...(kind === 1 ? { cats_int64s: this.integers(words.length).map(BigInt) } : {}),
        ...(this.random() < 0.5 ? { default_string: 'other', default_int64: 99n } : {}),
      });
    }
    return this.#labelEncoder(dims);
  }

  #labelEncoder(dims: readonly number[]): Flow {
    const types: readonly Type[] = ['BYTES', 'INT64', 'FP32'];
    const from = this.pick(types);
    // Before version 4 not all of them, nor tensors.
    const to = this.pick(types.filter((type) => this.opset >= 4 || type !== from));
    const count = 1 + this.below(5);
    const isTensor = this.opset >= 4 && this.random() < 0.4;
    const attributes: Record<string, unknown> = {};
    for (const [what, type] of [
      ['keys', from],
      ['values', to],
    ] as const) {
      const list = this.#list(type, count);
      const suffix = { BYTES: 'strings', INT64: 'int64s', FP32: 'floats', FP64: '', INT32: '' }[type];
      if (isTensor) attributes[`${what}_tensor`] = { tensor: tensorOf(type, list) };
      else attributes[`${what}_${suffix}`] = type === 'INT64' ? (list as number[]).map(BigInt) : list;
    }
    if (isTensor && this.random() < 0.7)
      attributes['default_tensor'] = { tensor: tensorOf(to, this.#list(to, 1)) };
    else if (this.random() < 0.5)
      Object.assign(attributes, { default_string: 'other', default_int64: 99n, default_float: 9.5 });
    return this.add('LabelEncoder', [this.input(from, dims)], to, dims, attributes as Attributes);
  }

  #list(type: Type, count: number): readonly (number | string)[] {
    if (type === 'BYTES') return Array.from({ length: count }, () => this.pick(WORDS));
    return type === 'INT64'
      ? this.integers(count)
      : this.numbers(count).map((n) => (this.random() < 0.3 ? this.pick(ODD) : n));
  }

  #words(): string[] {
    return Array.from({ length: 1 + this.below(5) }, () => this.pick(WORDS));
  }
}
