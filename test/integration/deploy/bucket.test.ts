import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { composeFile } from '../../support/deploy/compose.ts';
import { S3_CREDENTIALS, S3Server } from '../../support/s3-server.ts';

const { bucket } = composeFile().services;
const run = promisify(execFile);

it('compose.yaml makes the bucket that its processes ask for', { timeout: 60_000 }, async () => {
  const s3 = await S3Server.start();
  try {
    const [, ...flags] = bucket?.entrypoint ?? [];
    const asked: Record<string, string> = { ...bucket?.environment };
    const env = { ...process.env, ...asked, ...S3_CREDENTIALS, SHOAL_S3_ENDPOINT: s3.endpoint };
    await run(process.execPath, [...flags, ...(bucket?.command ?? [])], { env });
    const client = new S3Client({
      endpoint: s3.endpoint,
      region: asked['SHOAL_S3_REGION'] ?? '',
      forcePathStyle: true,
    });
    const { $metadata } = await client.send(new HeadBucketCommand({ Bucket: 'shoal' }));
    assert.equal($metadata.httpStatusCode, 200);
    assert.match(asked['SHOAL_ARTIFACTS'] ?? '', /^s3:\/\/shoal\//);
    // Once more, as every `up` does.
    await run(process.execPath, [...flags, ...(bucket?.command ?? [])], { env });
    client.destroy();
  } finally {
    await s3.close();
  }
});

it('says why when it can not', { timeout: 60_000 }, async () => {
  const [, ...flags] = bucket?.entrypoint ?? [];
  const env = { ...process.env, ...bucket?.environment, SHOAL_S3_ENDPOINT: 'http://127.0.0.1:1' };
  await assert.rejects(
    run(process.execPath, [...flags, ...(bucket?.command ?? [])], { env }),
    /ECONNREFUSED/,
  );
});
