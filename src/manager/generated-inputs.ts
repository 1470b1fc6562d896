import { ELEMENT_BYTES, type NamedTensor, type Signature, type TensorSpec } from '../model/signature.ts';

/** Inputs of the declared shapes, free dimensions being 1, for a model that brings no golden rows. */
export type Fill = 'zeros' | 'small numbers';

/** A fixed shape may declare any size; a model is not run with inputs above this. */
const MAX_INPUT_BYTES = 64 * 1024 * 1024;

/** Undefined when the declared shapes are too large to try. */
export function generatedInputs(signature: Signature, fill: Fill): NamedTensor[] | undefined {
  const random = mulberry32(1);
  let bytes = 0;
  const inputs: NamedTensor[] = [];
  for (const spec of signature.inputs) {
    const shape = spec.shape.map((dimension) => (dimension === -1 ? 1 : dimension));
    const count = shape.reduce((product, dimension) => product * dimension, 1);
    bytes += count * (ELEMENT_BYTES[spec.datatype] || 5);
    if (bytes > MAX_INPUT_BYTES) return undefined;
    inputs.push({ ...tensorOf(spec, count, fill, random), shape });
  }
  return inputs;
}

function tensorOf(spec: TensorSpec, count: number, fill: Fill, random: () => number): NamedTensor {
  const { name, datatype, shape } = spec;
  if (datatype === 'BYTES') return { name, datatype, shape, data: texts(count, fill) };
  const data = Buffer.alloc(count * ELEMENT_BYTES[datatype]);
  if (fill === 'zeros') return { name, datatype, shape, data };
  const bytes = ELEMENT_BYTES[datatype];
  for (let at = 0; at < data.length; at += bytes) {
    if (datatype === 'FP32') data.writeFloatLE(random() * 4 - 2, at);
    else if (datatype === 'FP64') data.writeDoubleLE(random() * 4 - 2, at);
    // Half precision's 1.0 and 0.5; the low byte of any integer is the whole of a small one.
    else if (datatype === 'FP16') data.writeUInt16LE(random() < 0.5 ? 0x3c00 : 0x3800, at);
    else data[at] = random() < 0.5 ? 1 : 0;
  }
  return { name, datatype, shape, data };
}

function texts(count: number, fill: Fill): Buffer {
  const text = fill === 'zeros' ? '' : 'a';
  const one = Buffer.alloc(4 + text.length);
  one.writeUInt32LE(text.length);
  one.write(text, 4);
  return Buffer.concat(Array.from<Buffer>({ length: count }).fill(one));
}

/** Tommy Ettinger's mulberry32: the same numbers on every machine. */
export function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
