import { ELEMENT, int64s, model, node, value } from './onnx-builder.ts';

/** Outputs `y` of zeros in the shape that its input `shape` says, whatever that is. */
export function shapeModel(): Uint8Array {
  return model({
    input: [value('shape', ELEMENT.int64, ['R'])],
    output: [value('y', ELEMENT.float)],
    node: [node('ConstantOfShape', ['shape'], ['y'])],
  });
}

/** The same with a shape of its own; it takes any floats. */
export function fixedShapeModel(shape: readonly bigint[]): Uint8Array {
  return model({
    input: [value('x', ELEMENT.float, ['N'])],
    output: [value('y', ELEMENT.float), value('z', ELEMENT.float, ['N'])],
    initializer: [int64s('shape', [shape.length], shape)],
    node: [node('ConstantOfShape', ['shape'], ['y']), node('Identity', ['x'], ['z'])],
  });
}
