import assert from 'node:assert/strict';
import { it } from 'node:test';
import { digestOf } from '../../../src/manager/artifact-source.ts';
import { loadArtifact } from '../../support/cases.ts';
import { bulk, call, startManagerApp } from '../../support/manager-app.ts';

it('a model that no worker could hold is refused with both figures, however it comes, and nothing of it is kept', async () => {
  const maxResidentBytes = 512 * 1024;
  const app = await startManagerApp({ maxResidentBytes });
  try {
    const large = loadArtifact('ltv-lightgbm-large');
    const put = (artifact: Uint8Array) =>
      call<{ error?: { code: string; message: string } }>(
        app,
        'PUT',
        '/v1/tenants/acme/models/m/versions/1',
        artifact,
        { 'content-type': 'application/octet-stream' },
      );
    const { status, body } = await put(large);
    assert.equal(status, 422);
    assert.equal(body.error?.code, 'UNSUPPORTED_ARTIFACT');
    const [, takes = ''] = /takes (\d+) bytes .* may take 524288 /.exec(body.error.message) ?? [];
    assert.ok(Number(takes) > maxResidentBytes, body.error.message);

    const line = {
      tenant: 'acme',
      model: 'm',
      version: '2',
      artifact: { base64: Buffer.from(large).toString('base64') },
    };
    for (const query of ['', '?dryRun=true']) {
      const { answers } = await bulk(app, [line], query);
      assert.equal(answers.get(1)?.error?.code, 'UNSUPPORTED_ARTIFACT', query);
    }
    assert.equal(await app.artifacts.stat(digestOf(large)), undefined);
    assert.equal((await put(loadArtifact('churn-logreg'))).status, 201);
  } finally {
    await app.close();
  }
});
