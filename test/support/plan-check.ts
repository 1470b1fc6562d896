import assert from 'node:assert/strict';
import { prepareArtifact } from '../../src/model/onnx/prepare.ts';
import { compilePlan } from '../../src/model/plan/compile.ts';
import { layElements } from '../../src/model/elements.ts';
import type { NamedTensor } from '../../src/model/signature.ts';
import { loadOnnxSession } from '../../src/runtime/onnx-session.ts';
import { planExecutor } from '../../src/runtime/plan/plan-executor.ts';
import { decodeStrings } from '../../src/runtime/string-elements.ts';

/** Runs an artifact's plan and its session on the same inputs; fails when it has no plan or they answer differently. */
export async function assertSameAnswers(artifact: Uint8Array, inputs: readonly NamedTensor[]): Promise<void> {
  const prepared = prepareArtifact(artifact);
  const compiled = compilePlan(prepared);
  assert.ok('plan' in compiled, 'reason' in compiled ? compiled.reason : '');
  const session = await loadOnnxSession(prepared.bytes);
  try {
    const expected = await session.run(inputs, 0);
    const actual = await planExecutor(compiled.structure, compiled.plan).run(inputs, 0);
    assertNear(actual, expected);
  } finally {
    await session.release();
  }
}

/** Labels equal; numbers within `relative` of the larger, or of the column's usual size (its median) where they cancel. */
export function assertNear(
  actual: readonly NamedTensor[],
  expected: readonly NamedTensor[],
  relative = 1e-5,
): void {
  assert.deepEqual(
    actual.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
    expected.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
  );
  for (const [index, tensor] of actual.entries()) {
    const got = elementsOf(tensor);
    const wanted = elementsOf(expected[index] as NamedTensor);
    const rows = tensor.shape[0] ?? 1;
    const columns = rows === 0 ? 0 : got.length / rows;
    for (let column = 0; column < columns; column++) {
      const usual = usualSize(wanted, column, columns);
      for (let at = column; at < got.length; at += columns) {
        const a = got[at];
        const b = wanted[at];
        if (Object.is(a, b) || a === b) continue;
        const near =
          typeof a === 'number' &&
          typeof b === 'number' &&
          Math.abs(a - b) <= relative * Math.max(Math.abs(a), Math.abs(b), usual);
        assert.ok(near, `${tensor.name}[${Math.floor(at / columns)}][${column}]: got ${a}, expected ${b}`);
      }
    }
  }
}

function usualSize(values: readonly unknown[], column: number, columns: number): number {
  const sizes: number[] = [];
  for (let at = column; at < values.length; at += columns) {
    const value = values[at];
    if (typeof value === 'number' && Number.isFinite(value)) sizes.push(Math.abs(value));
  }
  return sizes.toSorted((a, b) => a - b)[sizes.length >> 1] ?? 0;
}

function elementsOf(tensor: NamedTensor): readonly (number | bigint | string)[] {
  const count = tensor.shape.reduce((product, dimension) => product * dimension, 1);
  if (tensor.datatype === 'BYTES') return decodeStrings(tensor.name, tensor.data, count);
  return Array.from(layElements(tensor) as Iterable<number | bigint>);
}
