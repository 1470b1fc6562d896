import { type Elements, elementBytes, newElements, PUT } from './elements.ts';
import { checkNames, checkSize, missing, notAnInstance, rowPath, shown } from './instance-names.ts';
import { type InputLayout, type InstanceLayout, valueOf } from './instance-layout.ts';
import { isObject, type JsonObject, type JsonValue, pointer } from './json.ts';
import { elementCount, type NamedTensor } from './signature.ts';
import { checkNested, invalidInput, putNested, wrongElement } from './tensor-json.ts';

/** Where the value of an input stands in an instance; for messages only. */
type PathOf = (row: number) => string;

/** Several inputs, or one of another rank than a matrix: each takes its own value of every instance. */
export function encodeInputs(
  layout: InstanceLayout,
  list: readonly JsonValue[],
  maxBytes: number,
): NamedTensor[] {
  const { inputs } = layout;
  const values = inputs.map((): JsonValue[] => []);
  for (let row = 0; row < list.length; row++) {
    const instance = list[row] as JsonValue;
    if (Array.isArray(instance)) takeByPosition(inputs, instance, row, values);
    else if (isObject(instance)) takeByName(layout, instance, row, values);
    else throw notAnInstance(instance, row);
  }
  let bytes = 0;
  return inputs.map((input, index) => {
    const pathOf: PathOf = (row) => rowPath(row) + pathInRow(inputs, list[row] as JsonValue, index);
    const check = (more: number): void => checkSize(bytes + more, maxBytes);
    const tensor = encodeValues(input, values[index] as JsonValue[], layout.kind === 'rows', pathOf, check);
    bytes += tensor.data.byteLength;
    return tensor;
  });
}

function takeByName(layout: InstanceLayout, instance: JsonObject, row: number, values: JsonValue[][]): void {
  const { inputs } = layout;
  for (let index = 0; index < inputs.length; index++) {
    const value = valueOf(instance, inputs[index] as InputLayout);
    if (value === undefined) throw missing(instance, layout.byInput, row);
    (values[index] as JsonValue[]).push(value);
  }
  checkNames(instance, layout.byInput, row);
}

function takeByPosition(
  inputs: readonly InputLayout[],
  instance: JsonValue[],
  row: number,
  values: JsonValue[][],
): void {
  if (isBareValue(inputs, instance)) {
    (values[0] as JsonValue[]).push(instance);
    return;
  }
  if (instance.length !== inputs.length) {
    throw invalidInput(
      rowPath(row),
      `expected ${inputs.length} values (${shown(inputs)}), one an input, got ${instance.length}`,
    );
  }
  for (let index = 0; index < inputs.length; index++) {
    const value = instance[index] as JsonValue;
    (values[index] as JsonValue[]).push(
      value === null ? ((inputs[index] as InputLayout).fallback ?? null) : value,
    );
  }
}

/** For one input of rank 3 and more, a list nested as deep as its value is the value, not a list of one value. */
function isBareValue(inputs: readonly InputLayout[], instance: JsonValue): boolean {
  const [input] = inputs;
  if (inputs.length !== 1 || input === undefined || input.valueShape.length < 2) return false;
  let depth = 0;
  for (let at: JsonValue | undefined = instance; Array.isArray(at); at = at[0]) depth++;
  return depth <= input.valueShape.length;
}

function pathInRow(inputs: readonly InputLayout[], instance: JsonValue, index: number): string {
  if (isObject(instance)) return pointer((inputs[index] as InputLayout).name);
  return isBareValue(inputs, instance) ? '' : pointer(index);
}

/** The tensor of one input. Free dimensions take the first value's size, and all others must be alike. */
function encodeValues(
  input: InputLayout,
  values: readonly JsonValue[],
  stacked: boolean,
  pathOf: PathOf,
  check: (bytes: number) => void,
): NamedTensor {
  const { spec, valueShape, isColumn } = input;
  const shape = isColumn ? [] : resolveShape(valueShape, values[0] as JsonValue);
  if (!isColumn) {
    for (let row = 0; row < values.length; row++)
      checkNested(values[row] as JsonValue, shape, 0, pathOf(row));
  }
  // Every list was measured, so what is allocated was also sent.
  const size = elementCount(shape) ?? Infinity;
  check(size * values.length * input.elementBytes);
  const elements = newElements(spec.datatype, size * values.length);
  for (let row = 0; row < values.length; row++) {
    const value = values[row] as JsonValue;
    if (isColumn) putColumn(input, elements, row, value, pathOf);
    else putNested(elements, spec.datatype, row * size, shape.length, value, pathOf(row));
  }
  const rowShape = isColumn ? valueShape : shape;
  return {
    name: spec.name,
    datatype: spec.datatype,
    shape: stacked ? [values.length, ...rowShape] : shape,
    data: elementBytes(elements, check),
  };
}

/** A column's value comes bare; a list of one is taken too, as its shape [N, 1] has it. */
function putColumn(
  input: InputLayout,
  elements: Elements,
  row: number,
  value: JsonValue,
  pathOf: PathOf,
): void {
  const { datatype } = input.spec;
  if (PUT[datatype](elements, row, value)) return;
  if (!Array.isArray(value) || value.length !== 1 || input.valueShape.length !== 1) {
    throw wrongElement(pathOf(row), datatype, value);
  }
  const inner = value[0] as JsonValue;
  if (!PUT[datatype](elements, row, inner)) throw wrongElement(`${pathOf(row)}/0`, datatype, inner);
}

function resolveShape(valueShape: readonly number[], first: JsonValue): number[] {
  let at: JsonValue | undefined = first;
  return valueShape.map((dimension) => {
    const here: JsonValue | undefined = at;
    at = Array.isArray(here) ? here[0] : undefined;
    if (dimension !== -1) return dimension;
    return Array.isArray(here) ? here.length : 0;
  });
}
