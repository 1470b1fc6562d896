import { ELEMENT, int64s, model, node, value } from './onnx-builder.ts';

/**
 * Models that pass every admission test and kill their worker on some inputs. Each takes `x`, int64 [N], and is
 * harmless for zeros and ones.
 */

/** Loops as often as the largest x says: 2^62 times is for ever. */
export function hangingModel(): Uint8Array {
  const body = {
    name: 'body',
    input: [value('i', ELEMENT.int64, []), value('go', ELEMENT.bool, []), value('v', ELEMENT.int64, ['N'])],
    output: [value('still', ELEMENT.bool, []), value('w', ELEMENT.int64, ['N'])],
    node: [node('Identity', ['go'], ['still']), node('Add', ['v', 'one'], ['w'])],
  };
  return model({
    input: [value('x', ELEMENT.int64, ['N'])],
    output: [value('y', ELEMENT.int64, ['N'])],
    initializer: [int64s('one', [1], [1n])],
    node: [
      node('ReduceMax', ['x'], ['times'], { keepdims: 0n }),
      node('Loop', ['times', '', 'x'], ['y'], { body: { graph: body } }),
    ],
  });
}
export const ENDLESS = '4611686018427387904';

/** Divides x by -1, which the processor traps for -2^63. */
export function dividingModel(): Uint8Array {
  return model({
    input: [value('x', ELEMENT.int64, ['N'])],
    output: [value('y', ELEMENT.int64, ['N'])],
    initializer: [int64s('minus', [1], [-1n])],
    node: [node('Mul', ['x', 'minus'], ['unused']), node('Div', ['x', 'minus'], ['y'])],
  });
}
export const LEAST = '-9223372036854775808';

/** Collects one gigabyte fewer than the largest x says, one by one. */
export function hungryModel(): Uint8Array {
  const body = {
    name: 'body',
    input: [value('i', ELEMENT.int64, []), value('go', ELEMENT.bool, [])],
    output: [value('still', ELEMENT.bool, []), value('piece', ELEMENT.float, ['M'])],
    node: [node('Identity', ['go'], ['still']), node('ConstantOfShape', ['elements'], ['piece'])],
  };
  const constants = { gigabyte: 2n ** 28n, zero: 0n, one: 1n };
  return model({
    input: [value('x', ELEMENT.int64, ['N'])],
    output: [value('y', ELEMENT.int64, ['N'])],
    initializer: Object.entries(constants).map(([name, number]) => int64s(name, [1], [number])),
    node: [
      node('ReduceMax', ['x'], ['most'], { keepdims: 1n }),
      node('Sub', ['most', 'one'], ['pieces']),
      // Of the input, so that it isn't worked out as the model is loaded.
      node('Min', ['most', 'one'], ['sign']),
      node('Mul', ['sign', 'gigabyte'], ['elements']),
      node('Loop', ['pieces', ''], ['all'], { body: { graph: body } }),
      node('Shape', ['all'], ['shape']),
      node('Slice', ['shape', 'zero', 'one'], ['held']),
      node('Add', ['x', 'held'], ['y']),
    ],
  });
}

/**
 * Fills two gigabytes while it is loaded and keeps none: what depends on no input is worked out then, up to a gigabyte
 * each, and copied once.
 */
export function hungryAtLoadModel(): Uint8Array {
  return model({
    input: [value('x', ELEMENT.int64, ['N'])],
    output: [value('y', ELEMENT.int64, ['N'])],
    initializer: [int64s('elements', [1], [2n ** 28n])],
    node: [
      node('ConstantOfShape', ['elements'], ['zeros']),
      node('ReduceMax', ['zeros'], ['most'], { keepdims: 1n }),
      node('Cast', ['most'], ['zero'], { to: BigInt(ELEMENT.int64) }),
      node('Add', ['x', 'zero'], ['y']),
    ],
  });
}
