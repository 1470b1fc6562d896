import { readFile } from 'node:fs/promises';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { request } from 'undici';
import { ModelProtoSchema } from '../../src/model/onnx/onnx_pb.ts';
import { startShoal } from '../support/shoal.ts';

const KINDS = [
  { name: 'linear', fixture: 'churn-logreg', count: 2_000 },
  { name: 'small boosted trees', fixture: 'upsell-gbt', count: 500 },
  { name: 'boosted trees', fixture: 'price-xgboost', count: 200 },
  { name: 'forest', fixture: 'fraud-forest', count: 50 },
] as const;
const SINGLES = 50;

/** Bulk registrations a second by kind, against the same kind registered by one request after another. */
export async function benchRegistrations(): Promise<void> {
  await using shoal = await startShoal(['--no-samples']);
  console.log('registrations, every artifact different:');
  for (const { name, fixture, count } of KINDS) {
    const file = await readFile(new URL(`../fixtures/models/${fixture}/model.onnx`, import.meta.url));
    const bulk = await bulkRate(shoal.origin, fixture, file, count);
    const single = await singleRate(shoal.origin, fixture, file, Math.min(SINGLES, count));
    const again = await bulkRate(shoal.origin, fixture, file, count);
    console.log(
      `  ${name.padEnd(20)} ${(file.length / 1024).toFixed(1).padStart(6)} KiB   bulk ${bulk.toFixed(0).padStart(5)}/s   ` +
        `one by one ${single.toFixed(0).padStart(5)}/s   ratio ${(bulk / single).toFixed(1)}   pushed again ${again.toFixed(0)}/s`,
    );
  }
}

/** The same model under another digest: exporters' notes differ, the arithmetic doesn't. */
function variant(file: Uint8Array, note: string): Uint8Array {
  const model = fromBinary(ModelProtoSchema, file);
  model.docString = note;
  return toBinary(ModelProtoSchema, model);
}

async function bulkRate(origin: string, fixture: string, file: Uint8Array, count: number): Promise<number> {
  const lines: string[] = [];
  for (let index = 0; index < count; index++) {
    const base64 = Buffer.from(variant(file, `bulk ${index}`)).toString('base64');
    lines.push(
      `${JSON.stringify({ tenant: `t${index}`, model: fixture, version: '1', artifact: { base64 } })}\n`,
    );
  }
  const startedAt = performance.now();
  const answer = await request(`${origin}/v1/models:bulkRegister`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: lines.join(''),
  });
  const text = await answer.body.text();
  if (text.includes('"rejected",'))
    throw new Error(text.split('\n').find((line) => line.includes('"rejected",')));
  return count / ((performance.now() - startedAt) / 1000);
}

async function singleRate(origin: string, fixture: string, file: Uint8Array, count: number): Promise<number> {
  const artifacts = Array.from({ length: count }, (_, index) => variant(file, `single ${index}`));
  const startedAt = performance.now();
  for (const [index, artifact] of artifacts.entries()) {
    const answer = await request(`${origin}/v1/tenants/t${index}/models/${fixture}-single/versions/1`, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream' },
      body: artifact,
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 201 && answer.statusCode !== 200) throw new Error(text);
  }
  return count / ((performance.now() - startedAt) / 1000);
}
