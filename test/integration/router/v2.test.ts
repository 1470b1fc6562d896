import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startRouterHttp } from '../../support/router-http.ts';

type Http = Awaited<ReturnType<typeof startRouterHttp>>;

describe('/v2 of a router', () => {
  let http: Http;
  const call: Http['call'] = (...request) => http.call(...request);
  before(async () => {
    http = await startRouterHttp();
  });
  after(() => http.close());

  it('speaks the Open Inference Protocol', async () => {
    const input = { name: 'X', datatype: 'FP32', shape: [2, 2], data: [1, 2, 3, 4] };
    const body = { id: 'i1', model_name: 'ignored', inputs: [input] };
    for (const path of ['acme.churn', 'acme%2Echurn', 'acme.churn/versions/1']) {
      const { status, headers, json } = await call('POST', `/v2/models/${path}/infer`, body, {});
      assert.equal(status, 200, path);
      assert.deepEqual(json, {
        model_name: 'acme.churn',
        model_version: '1',
        id: 'i1',
        outputs: [{ name: 'Y', datatype: 'FP32', shape: [2, 1], data: [3, 7] }],
      });
      assert.equal(headers['content-type'], 'application/json');
      assert.equal(headers['x-shoal-version'], '1');
    }
    assert.equal((await call('POST', '/v2/models/plain/infer', body)).json.model_version, '7');
    assert.equal((await call('POST', '/v2/models/acme.v1.2.3-x/infer', body)).status, 200);
    const types = ['application/x-www-form-urlencoded', 'application/octet-stream', 'application/x-ndjson'];
    for (const type of types) {
      const headers = { 'content-type': type };
      assert.equal((await call('POST', '/v2/models/acme.churn/infer', body, headers)).status, 200, type);
    }
    assert.deepEqual((await call('GET', '/v2/health/live')).json, { live: true });
    assert.deepEqual((await call('GET', '/v2/health/ready')).json, { ready: true });
    assert.deepEqual((await call('GET', '/v2')).json, {
      name: 'shoal',
      version: '0.0.0-test',
      extensions: [],
    });
    assert.deepEqual((await call('GET', '/v2/models/acme.split/ready')).json, {
      name: 'acme.split',
      ready: true,
    });
    assert.deepEqual((await call('GET', '/v2/models/acme.split')).json, {
      name: 'acme.split',
      versions: ['1', '2', '3'],
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'X', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [{ name: 'Y', datatype: 'FP32', shape: [-1, 1] }],
    });
    assert.deepEqual((await call('GET', '/v2/models/acme.split/versions/2')).json.versions, ['2']);
  });

  it('refuses the binary tensor extension in words', async () => {
    const input = { name: 'X', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } };
    const json = JSON.stringify({ inputs: [input] });
    const headers = { 'content-type': 'application/octet-stream' };
    const marked = { ...headers, 'inference-header-content-length': String(json.length) };
    const refused = await call('POST', '/v2/models/acme.churn/infer', `${json}\xff\xff\xff\xff`, marked);
    assert.equal(refused.status, 400);
    assert.match(JSON.stringify(refused.json.error), /binary tensor extension.*\(INVALID_REQUEST\)/);
    const whole = JSON.stringify({ inputs: [{ name: 'X', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] });
    const all = { ...headers, 'inference-header-content-length': String(whole.length) };
    assert.equal((await call('POST', '/v2/models/acme.churn/infer', whole, all)).status, 200);
  });

  it('gives the protocol its shape of errors', async () => {
    const unknown = await call('POST', '/v2/models/acme.none/infer', { inputs: [] });
    assert.equal(unknown.status, 404);
    assert.match(JSON.stringify(unknown.json.error), /^"Request for unknown model: .*\(MODEL_NOT_FOUND\)"$/);
    assert.equal(unknown.headers['x-shoal-error'], 'MODEL_NOT_FOUND');
    assert.equal(unknown.headers['content-type'], 'application/json');
    for (const version of ['abc', '0', '18446744073709551616']) {
      assert.equal((await call('GET', `/v2/models/acme.churn/versions/${version}/ready`)).status, 404);
      assert.equal((await call('POST', `/v2/models/acme.churn/versions/${version}/infer`, {})).status, 404);
    }
    assert.equal((await call('POST', '/v2/models/acme.churn/infer', { inputs: [] })).status, 400);
    assert.equal((await call('POST', '/v2/models/a%2fb.c/infer', { inputs: [] })).status, 400);
  });
});
