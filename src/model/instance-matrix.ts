import { elementBytes, newElements, PUT } from './elements.ts';
import { checkNames, checkSize, missing, notAnInstance, rowPath } from './instance-names.ts';
import { type FeatureSet, type InputLayout, type InstanceLayout, valueOf } from './instance-layout.ts';
import { describeJson, isObject, type JsonObject, type JsonValue, pointer } from './json.ts';
import type { NamedTensor } from './signature.ts';
import { invalidInput, wrongElement } from './tensor-json.ts';

/**
 * One input [N, k]: an instance is a list of k, an object of the config's features, or an object that holds the
 * list under the input's name.
 */
export function encodeMatrix(
  layout: InstanceLayout,
  input: InputLayout,
  list: readonly JsonValue[],
  maxBytes: number,
): NamedTensor {
  const { spec } = input;
  const rows: (JsonValue[] | JsonObject)[] = [];
  let width = spec.shape[1] as number;
  for (let row = 0; row < list.length; row++) {
    const values = matrixRow(layout, input, list[row] as JsonValue, row);
    const columns = Array.isArray(values) ? values.length : (layout.features?.list.length ?? 0);
    if (width === -1) width = columns;
    if (columns !== width) {
      const why = spec.shape[1] === -1 ? ', as in the first instance,' : '';
      throw invalidInput(
        rowPath(row),
        `expected ${width} values${why} for input ${spec.name}, got ${columns}`,
      );
    }
    rows.push(values);
  }
  checkSize(list.length * width * input.elementBytes, maxBytes);
  const elements = newElements(spec.datatype, list.length * width);
  for (let row = 0; row < rows.length; row++) {
    const values = rows[row] as JsonValue[] | JsonObject;
    if (Array.isArray(values)) putList(layout, input, elements, values, row, list[row] as JsonValue);
    else putFeatures(layout.features as FeatureSet, input, elements, values, row);
  }
  return {
    name: spec.name,
    datatype: spec.datatype,
    shape: [list.length, width],
    data: elementBytes(elements, (bytes) => checkSize(bytes, maxBytes)),
  };
}

type Row = Parameters<(typeof PUT)['BOOL']>[0];

function putList(
  layout: InstanceLayout,
  input: InputLayout,
  elements: Row,
  values: readonly JsonValue[],
  row: number,
  instance: JsonValue,
): void {
  const { name, datatype } = input.spec;
  const put = PUT[datatype];
  const start = row * values.length;
  for (let column = 0; column < values.length; column++) {
    const given = values[column] as JsonValue;
    const value = given === null ? (layout.features?.list[column]?.fallback ?? null) : given;
    if (put(elements, start + column, value)) continue;
    const isBare = isObject(instance) && !Array.isArray(valueOf(instance, input));
    const under = isObject(instance) ? pointer(name) : '';
    throw wrongElement(rowPath(row) + under + (isBare ? '' : pointer(column)), datatype, value);
  }
}

function putFeatures(
  features: FeatureSet,
  input: InputLayout,
  elements: Row,
  instance: JsonObject,
  row: number,
): void {
  const { datatype } = input.spec;
  const put = PUT[datatype];
  const { list } = features;
  const start = row * list.length;
  for (let column = 0; column < list.length; column++) {
    const feature = list[column] as (typeof list)[number];
    const value = valueOf(instance, feature);
    if (value === undefined) throw missing(instance, features, row);
    if (!put(elements, start + column, value)) {
      throw wrongElement(rowPath(row) + pointer(feature.name), datatype, value);
    }
  }
  checkNames(instance, features, row);
}

function matrixRow(
  layout: InstanceLayout,
  input: InputLayout,
  instance: JsonValue,
  row: number,
): JsonValue[] | JsonObject {
  if (Array.isArray(instance)) return instance;
  if (!isObject(instance)) throw notAnInstance(instance, row);
  const whole = valueOf(instance, input);
  if (layout.features !== undefined && !Array.isArray(whole)) return instance;
  if (whole === undefined) throw missing(instance, layout.byInput, row);
  checkNames(instance, layout.byInput, row);
  if (Array.isArray(whole)) return whole;
  if (input.isColumn) return [whole];
  throw invalidInput(rowPath(row) + pointer(input.name), `expected a list, got ${describeJson(whole)}`);
}
