import { ELEMENT, type GraphInit, model, type NodeInit, type TensorInit, value } from './onnx-builder.ts';

/** [name, element type, dimensions after the rows]. */
export type Port = readonly [name: string, element: keyof typeof ELEMENT, dims?: readonly number[]];

export interface RowGraph {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly nodes: readonly NodeInit[];
  readonly constants?: readonly TensorInit[];
  readonly opset?: number;
  /** A fixed number of rows; any number when left out. */
  readonly rows?: number;
}

/** A model whose inputs and outputs are [rows, ...dims]. */
export function rowModel({ inputs, outputs, nodes, constants, opset, rows }: RowGraph): Uint8Array {
  const port = ([name, element, dims = []]: Port) => value(name, ELEMENT[element], [rows ?? 'n', ...dims]);
  const graph: GraphInit = {
    node: [...nodes],
    input: inputs.map(port),
    output: outputs.map(port),
    initializer: [...(constants ?? [])],
  };
  return model(graph, {
    opsets: [
      ['', opset ?? 17],
      ['ai.onnx.ml', 3],
    ],
  });
}
