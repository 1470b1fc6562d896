import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ShoalError } from '../../../../src/core/errors.ts';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import { loadArtifact } from '../../../support/cases.ts';

/** INVARIANT: whatever the bytes, the reader answers or throws one of its two errors. */
function readsOrRefuses(bytes: Uint8Array): void {
  try {
    const { signature } = prepareArtifact(bytes);
    assert.ok(signature.outputs.length > 0);
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    assert.match(error.code, /^(INVALID|UNSUPPORTED)_ARTIFACT$/);
  }
}

for (const name of ['churn-logreg', 'lead-score-sgd', 'loan-columns-logreg', 'rent-trees-v5']) {
  const artifact = loadArtifact(name);
  const position = fc.nat({ max: artifact.length - 1 });
  const runs = artifact.length > 10_000 ? 100 : 400;

  test(`${name}, changed anywhere, is read or refused`, () => {
    const edit = fc.record({ at: position, byte: fc.nat({ max: 255 }) });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
        const bytes = Uint8Array.from(artifact);
        for (const { at, byte } of edits) bytes[at] = byte;
        readsOrRefuses(bytes);
      }),
      { numRuns: runs },
    );
  });

  test(`${name}, cut, grown or with a piece moved, is read or refused`, () => {
    fc.assert(
      fc.property(position, position, fc.uint8Array({ maxLength: 20 }), (one, other, extra) => {
        const [start, end] = one < other ? [one, other] : [other, one];
        readsOrRefuses(artifact.subarray(0, end));
        readsOrRefuses(Buffer.concat([artifact.subarray(0, start), artifact.subarray(end)]));
        readsOrRefuses(Buffer.concat([artifact.subarray(0, start), extra, artifact.subarray(start)]));
      }),
      { numRuns: runs },
    );
  });
}

test('random bytes are refused', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), readsOrRefuses), { numRuns: 2_000 });
});
