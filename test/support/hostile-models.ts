import { ELEMENT, int64s, model, node, value } from './onnx-builder.ts';

/** -2^63 / -1 whatever comes in: the division that the processor traps, in every admission test. */
export function trappingModel(): Uint8Array {
  return model({
    initializer: [int64s('least', [1], [-(2n ** 63n)]), int64s('minus', [1], [-1n])],
    node: [
      node('Sub', ['x', 'x'], ['nothing']),
      node('Add', ['nothing', 'least'], ['dividend']),
      node('Add', ['nothing', 'minus'], ['divisor']),
      node('Div', ['dividend', 'divisor'], ['y']),
    ],
    input: [value('x', ELEMENT.int64, [1])],
    output: [value('y', ELEMENT.int64, [1])],
  });
}
