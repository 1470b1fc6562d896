import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanOrtMessage, loadError } from '../../../src/runtime/ort-error.ts';

test('source locations of the build machine are cut out', () => {
  assert.equal(
    cleanOrtMessage(
      new Error(
        "Non-zero status code returned while running Concat node. Name:'/Concat' Status Message: concatbase.h:133 PrepareForComputeImpl Non concat axis dimensions must match",
      ),
    ),
    "Concat node. Name:'/Concat' Status Message: Non concat axis dimensions must match",
  );
  assert.equal(
    cleanOrtMessage(
      new Error(
        '/onnxruntime_src/onnxruntime/core/providers/cpu/nn/string_normalizer.cc:82 onnxruntime::string_normalizer::Locale::Locale(const std::string&) Failed to construct locale with name:en_US.UTF-8',
      ),
    ),
    'Failed to construct locale with name:en_US.UTF-8 (the model asks for a locale: install en_US.UTF-8 on the machine of the workers)',
  );
});

test('a missing locale is no fault of the artifact', () => {
  assert.equal(
    loadError(new Error('Failed to construct locale with name:en_US')).code,
    'UNSUPPORTED_ARTIFACT',
  );
  assert.equal(
    loadError(new Error('Failed to load model because protobuf parsing failed.')).code,
    'INVALID_ARTIFACT',
  );
});

test('what lies beyond the first kilobytes of a message is not looked at, however long it is', () => {
  const name = 'a'.repeat(4_000_000);
  assert.equal(cleanOrtMessage(new Error(`Concat node. Name:'${name}' x.cc:1`)).length, 1_000);
});
