import { ELEMENT, floats, int64s, model, node, value } from './onnx-builder.ts';

/** A run that never ends: loops 2^62 times in native code, or so many times as asked for. One input `x`, floats. */
export function endlessModel(times = 2n ** 62n): Uint8Array {
  const body = {
    name: 'body',
    input: [value('i', ELEMENT.int64, []), value('go', ELEMENT.bool, []), value('v', ELEMENT.float, ['N'])],
    output: [value('still', ELEMENT.bool, []), value('w', ELEMENT.float, ['N'])],
    node: [node('Identity', ['go'], ['still']), node('Add', ['v', 'one'], ['w'])],
  };
  return model({
    input: [value('x', ELEMENT.float, ['N'])],
    output: [value('y', ELEMENT.float, ['N'])],
    initializer: [int64s('times', [], [times]), floats('one', [1], [1])],
    node: [node('Loop', ['times', '', 'x'], ['y'], { body: { graph: body } })],
  });
}
