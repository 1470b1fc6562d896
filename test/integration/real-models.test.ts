import assert from 'node:assert/strict';
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import type { JsonValue } from '../../src/model/json.ts';
import {
  artifactPath,
  compareRow,
  instanceOf,
  loadCase,
  MODEL_NAMES,
  type ModelCase,
} from '../support/cases.ts';
import { type RunningShoal, runShoal, startShoal, temporaryDir } from '../support/shoal.ts';

/** Every real model, through the real command, server, worker and ONNX Runtime, against its training library. */
let shoal: RunningShoal;
before(async () => {
  shoal = await startShoal(['--no-samples', '--workers', '2', '--lanes', '1']);
  const dir = await temporaryDir();
  for (const name of MODEL_NAMES) {
    await mkdir(path.join(dir, 'real', name), { recursive: true });
    await copyFile(artifactPath(name), path.join(dir, 'real', name, '1.onnx'));
  }
  const push = await runShoal(['push', dir, '--server', shoal.origin, '--json']);
  assert.equal(push.code, 0, push.stdout + push.stderr);
  assert.equal((JSON.parse(push.stdout) as { registered: number }).registered, MODEL_NAMES.length);
});
after(async () => {
  await shoal[Symbol.asyncDispose]();
});

describe('real models', () => {
  it('are all here', () => assert.equal(MODEL_NAMES.length, 35));

  for (const name of MODEL_NAMES) {
    it(`${name} answers :predict as its training library did`, async () => {
      const modelCase = loadCase(name);
      const instances = Array.from({ length: modelCase.rows }, (_, row) => instanceOf(modelCase, row));
      const answer = await post(`/v1/tenants/real/models/${name}:predict`, { instances });
      const predictions = answer['predictions'] as Record<string, JsonValue>[];
      assert.equal(predictions.length, modelCase.rows);
      for (const [output, rows] of Object.entries(modelCase.expected)) {
        rows.forEach((expected, row) => {
          const got = predictions[row]?.[output];
          const difference = compareRow(
            simplify(expected, got),
            got,
            modelCase.tolerance,
            `${row}/${output}`,
          );
          assert.equal(difference, undefined);
        });
      }
    });

    it(`${name} answers /v2 infer the same`, async () => {
      const modelCase = loadCase(name);
      const rows = modelCase.batch ?? modelCase.rows;
      for (let start = 0; start < modelCase.rows; start += rows) {
        const answer = await post(`/v2/models/real.${name}/infer`, {
          id: 'x',
          inputs: oipInputs(modelCase, start, rows),
        });
        assert.equal(answer['model_name'], `real.${name}`);
        assert.equal(answer['model_version'], '1');
        for (const output of answer['outputs'] as unknown as OipOutput[]) {
          const expected = (modelCase.expected[output.name] as JsonValue[]).slice(start, start + rows);
          const labels = output.parameters?.class_labels;
          const flat = (labels === undefined ? expected : byClass(expected, labels)).flat(9);
          assert.equal(
            output.shape.reduce((product, size) => product * size, 1),
            flat.length,
          );
          assert.equal(compareRow(flat, output.data, modelCase.tolerance, output.name), undefined);
        }
      }
    });
  }
});

interface OipOutput {
  name: string;
  shape: number[];
  data: JsonValue[];
  parameters?: { class_labels?: (string | number)[] };
}

/** The case has [N, 1] rows as [x]; `:predict` gives scalars. By class, the order of columns is the order of classes. */
function simplify(expected: JsonValue, got: JsonValue | undefined): JsonValue {
  if (!Array.isArray(expected)) return expected;
  if (expected.length === 1 && !Array.isArray(got)) return expected[0] as JsonValue;
  if (got !== null && typeof got === 'object' && !Array.isArray(got)) {
    assert.equal(Object.keys(got).length, expected.length);
    return Object.fromEntries(
      Object.keys(got).map((label, column) => [label, expected[column] as JsonValue]),
    );
  }
  return expected;
}

function byClass(expected: JsonValue[], labels: (string | number)[]): JsonValue[] {
  return expected.map((row) =>
    row !== null && typeof row === 'object' && !Array.isArray(row)
      ? labels.map((label) => row[String(label)] as JsonValue)
      : row,
  );
}

const DATATYPES: Readonly<Record<string, string>> = {
  float: 'FP32',
  double: 'FP64',
  int64: 'INT64',
  string: 'BYTES',
};

function oipInputs(modelCase: ModelCase, start: number, rows: number) {
  return modelCase.inputs.map(({ name, type, shape }) => {
    const data = (modelCase.feeds[name] as JsonValue[]).slice(start, start + rows);
    const datatype = DATATYPES[type.slice('tensor('.length, -1)];
    return { name, datatype, shape: shapeOf(data).slice(0, shape.length), data };
  });
}

function shapeOf(value: JsonValue): number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0] ?? null)] : [];
}

async function post(path: string, body: unknown): Promise<Record<string, JsonValue>> {
  const headers = { 'content-type': 'application/json' };
  const answer = await request(shoal.origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await answer.body.text();
  assert.equal(answer.statusCode, 200, text);
  return JSON.parse(text) as Record<string, JsonValue>;
}
