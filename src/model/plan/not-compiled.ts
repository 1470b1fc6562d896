/** Why a model stays with ONNX Runtime, in words that go on after "it": "uses operator Scan". */
export class NotCompiled extends Error {
  override readonly name = 'NotCompiled';
}
