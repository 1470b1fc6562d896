import { ELEMENT_BYTES, type TensorSpec } from './signature.ts';
import type { ServingSpec } from './serving-spec.ts';
import type { JsonValue } from './json.ts';

/** How instances meet a signature, worked out once a spec. */
export interface InstanceLayout {
  /**
   * rows: the first dimension of every input counts rows. whole: it doesn't (scalars, unlike first dimensions), and
   * one instance is one run.
   */
  readonly kind: 'rows' | 'whole';
  /** Rows of one run where the model fixes them, else 0. */
  readonly partRows: number;
  readonly inputs: readonly InputLayout[];
  /** Set when the one input is a matrix whose columns are named by the config. */
  readonly features?: FeatureSet;
  /** The inputs' own names. */
  readonly byInput: FeatureSet;
}

/** All that an instance may name. */
export interface FeatureSet {
  readonly list: readonly Feature[];
  readonly known: ReadonlySet<string>;
  readonly hasFallback: boolean;
}

export interface InputLayout extends Feature {
  readonly spec: TensorSpec;
  /** The shape of one row's value (or of the whole tensor); -1 where free. */
  readonly valueShape: readonly number[];
  /** One number or text a row, given bare: shapes [N] and [N, 1]. */
  readonly isColumn: boolean;
  readonly elementBytes: number;
}

/** Something an instance names. */
export interface Feature {
  readonly name: string;
  /** The name is one of Object.prototype's, so that a plain lookup would find what isn't the caller's. */
  readonly inherited: boolean;
  readonly fallback: JsonValue | undefined;
}

const layouts = new WeakMap<ServingSpec, InstanceLayout>();

export function layoutOf(spec: ServingSpec): InstanceLayout {
  let layout = layouts.get(spec);
  if (layout === undefined) {
    layout = makeLayout(spec);
    layouts.set(spec, layout);
  }
  return layout;
}

function makeLayout(spec: ServingSpec): InstanceLayout {
  const { inputs } = spec.signature;
  const firsts = new Set(inputs.map(({ shape }) => shape[0] ?? 'scalar'));
  const [first] = firsts;
  const byRows = firsts.size === 1 && first !== 'scalar' && first !== 0;
  const feature = (name: string): Feature => ({
    name,
    inherited: name in Object.prototype,
    fallback: ownDefault(spec, name),
  });
  const inputPlans = inputs.map((input): InputLayout => {
    const valueShape = byRows ? input.shape.slice(1) : input.shape;
    return {
      ...feature(input.name),
      spec: input,
      valueShape,
      isColumn: byRows && (valueShape.length === 0 || (valueShape.length === 1 && valueShape[0] === 1)),
      elementBytes: ELEMENT_BYTES[input.datatype] || 4,
    };
  });
  return {
    kind: byRows ? 'rows' : 'whole',
    partRows: byRows && typeof first === 'number' && first > 0 ? first : 0,
    inputs: inputPlans,
    byInput: featureSet(inputPlans),
    ...(spec.features === undefined ? {} : { features: featureSet(spec.features.map(feature)) }),
  };
}

function featureSet(list: readonly Feature[]): FeatureSet {
  return {
    list,
    known: new Set(list.map(({ name }) => name)),
    hasFallback: list.some(({ fallback }) => fallback !== undefined),
  };
}

function ownDefault(spec: ServingSpec, name: string): JsonValue | undefined {
  return spec.defaults !== undefined && Object.hasOwn(spec.defaults, name) ? spec.defaults[name] : undefined;
}

/** What the instance itself holds under a name, or the default for what it leaves out or gives as null. */
export function valueOf(instance: { [key: string]: JsonValue }, feature: Feature): JsonValue | undefined {
  const value =
    feature.inherited && !Object.hasOwn(instance, feature.name) ? undefined : instance[feature.name];
  return (value === undefined || value === null) && feature.fallback !== undefined ? feature.fallback : value;
}
