import { constantOf } from '../../constants.ts';
import type { PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { MODE } from './ensemble.ts';

/** Lists of large ensembles hold 100,000s of elements: plain loops into typed arrays. */

const MAX_ID = 0x7fff_ffff;

/** Identifiers and the like: from 0 to 2^31 - 1. */
export function idsAttribute(node: PlanNode, name: string): Int32Array {
  const ints = node.attribute(name)?.ints ?? [];
  const ids = new Int32Array(ints.length);
  for (let index = 0; index < ints.length; index++) {
    const id = Number(ints[index]);
    if (!(id >= 0 && id <= MAX_ID)) throw new NotCompiled(`has ${name} out of range (${node.name})`);
    ids[index] = id;
  }
  return ids;
}

/** 1 where the list says 1. A list that is too short, or isn't there, says 0. */
export function flagsAttribute(node: PlanNode, name: string, count: number): Uint8Array {
  const ints = node.attribute(name)?.ints ?? [];
  const flags = new Uint8Array(count);
  for (let index = 0; index < Math.min(count, ints.length); index++)
    flags[index] = ints[index] === 1n ? 1 : 0;
  return flags;
}

/** Numbers from a list of floats or from the tensor of the ensemble's own type that may stand in for it. */
export function numbersAttribute(node: PlanNode, name: string, isDouble: boolean): Float64Array {
  const floats = node.attribute(name)?.floats ?? [];
  const tensor = tensorAttribute(node, `${name}_as_tensor`, isDouble);
  if (tensor.length > 0 && floats.length > 0)
    throw new NotCompiled(`has ${name} both as a list and as a tensor (${node.name})`);
  return tensor.length > 0 ? tensor : Float64Array.from(floats);
}

/** Empty when it isn't there. */
export function tensorAttribute(node: PlanNode, name: string, isDouble: boolean): Float64Array {
  const tensor = node.attribute(name)?.t;
  if (tensor === undefined) return new Float64Array(0);
  const { type, data } = constantOf(tensor);
  if (type !== (isDouble ? 'FP64' : 'FP32') || !(data instanceof Float64Array))
    throw new NotCompiled(`has ${name} of ${type} (${node.name})`);
  return data;
}

const UINT8 = 2;

/** Of version 5, where modes are numbers of their own. */
export function modeNumbers(node: PlanNode, name: string): Uint8Array {
  const tensor = node.attribute(name)?.t;
  if (tensor === undefined) return new Uint8Array(0);
  if (tensor.dataType !== UINT8) throw new NotCompiled(`has ${name} that are no bytes (${node.name})`);
  const numbers = tensor.rawData.byteLength > 0 ? tensor.rawData : Uint8Array.from(tensor.int32Data);
  if (numbers.every((mode) => mode <= MODE.NEQ)) return numbers;
  throw new NotCompiled(`asks in trees whether a value is of a set (${node.name})`);
}

const MODES = [
  ['LEAF', MODE.LEAF],
  ['BRANCH_LEQ', MODE.LEQ],
  ['BRANCH_LT', MODE.LT],
  ['BRANCH_GTE', MODE.GTE],
  ['BRANCH_GT', MODE.GT],
  ['BRANCH_EQ', MODE.EQ],
  ['BRANCH_NEQ', MODE.NEQ],
].map(([name, mode]) => ({ bytes: Buffer.from(name as string), mode: mode as number }));

export function modeNames(node: PlanNode, name: string): Uint8Array {
  const names = node.attribute(name)?.strings ?? [];
  const modes = new Uint8Array(names.length);
  for (let index = 0; index < names.length; index++) {
    const own = names[index] as Uint8Array;
    const found = MODES.find(({ bytes }) => isSame(bytes, own));
    if (found === undefined) {
      const text = Buffer.from(own.subarray(0, 40)).toString('latin1');
      throw new NotCompiled(`has nodes of mode ${text} (${node.name})`);
    }
    modes[index] = found.mode;
  }
  return modes;
}

/** Of short ones, without a call into native code for each. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
