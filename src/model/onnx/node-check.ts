import { quote } from '../../core/ids.ts';
import { findAttribute, nodeName } from './attributes.ts';
import { invalid, unsupported } from './faults.ts';
import { type Functions, functionKey } from './functions.ts';
import type { NodeProto } from './onnx_pb.ts';
import { BUILT_IN_DOMAINS } from './operator-sets.ts';
import { checkSparse, checkTensor } from './tensor-check.ts';

/** Convolutions divide by their group while ONNX Runtime 1.30 loads them; 0 ends the process with SIGFPE. */
const GROUPED = new Set([
  'Conv',
  'ConvInteger',
  'ConvTranspose',
  'QLinearConv',
  'DeformConv',
  'FusedConv',
  'NhwcConv',
  'NhwcFusedConv',
  'QLinearConvTranspose',
  'ConvTransposeWithDynamicPads',
]);

/** One node by itself: its domain, its attributes, and the values known to kill what runs it. */
export function checkNode(node: NodeProto, functions: Functions): void {
  if (node.opType === '') throw invalid(`${nodeName(node)} names no operator`);
  if (!BUILT_IN_DOMAINS.has(node.domain) && !functions.has(functionKey(node, node.opType))) {
    throw unsupported(
      `${nodeName(node)} needs the operator domain ${quote(node.domain)}, which is not served; custom operators can't be loaded`,
    );
  }
  const names = new Set<string>();
  for (const attribute of node.attribute) {
    if (names.has(attribute.name))
      throw invalid(`${nodeName(node)} has attribute ${quote(attribute.name)} twice`);
    names.add(attribute.name);
    const what = `attribute ${quote(attribute.name)} of ${nodeName(node)}`;
    if (attribute.t !== undefined) checkTensor(attribute.t, what);
    for (const tensor of attribute.tensors) checkTensor(tensor, what);
    if (attribute.sparseTensor !== undefined) checkSparse(attribute.sparseTensor, what);
    for (const sparse of attribute.sparseTensors) checkSparse(sparse, what);
  }
  const group = GROUPED.has(node.opType) ? findAttribute(node, 'group') : undefined;
  if (group !== undefined && group.refAttrName === '' && group.i <= 0n) {
    throw invalid(`${nodeName(node)} has group ${group.i}; it must be at least 1`);
  }
}
