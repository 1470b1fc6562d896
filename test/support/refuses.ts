import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShoalError } from '../../src/core/errors.ts';
import { prepareArtifact } from '../../src/model/onnx/prepare.ts';

/** A test that preparing an artifact throws this code with this message. */
export function refuses(what: string, artifact: Uint8Array, code: string, message: RegExp): void {
  test(what, () => {
    assert.throws(
      () => prepareArtifact(artifact),
      (error) => {
        assert.ok(error instanceof ShoalError, String(error));
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}
