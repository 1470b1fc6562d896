import { ELEMENT, floats, model, node, value } from './onnx-builder.ts';

/**
 * Answers x + `number`, so that an answer tells which version it came from; exact for whole numbers up to 2^24 in all.
 * Odd ones have an operator that no plan has, and run in a session.
 */
export function addingModel(number: number): Uint8Array {
  const session = number % 2 === 1;
  return model({
    input: [value('x', ELEMENT.float, ['N'])],
    output: [value('y', ELEMENT.float, ['N']), ...(session ? [value('z', ELEMENT.float, ['N'])] : [])],
    initializer: [floats('number', [1], [number])],
    node: [node('Add', ['x', 'number'], ['y']), ...(session ? [node('Sin', ['x'], ['z'])] : [])],
  });
}

/** What one row of such a model was answered, by the text of a `:predict`; one output alone is the prediction itself. */
export function addedIn(answer: string): unknown {
  const { predictions } = JSON.parse(answer) as { predictions: (number | { y: number } | undefined)[] };
  const [prediction] = predictions;
  return typeof prediction === 'object' ? prediction.y : prediction;
}
