import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { digestOf } from '../../../src/manager/artifact-source.ts';
import { revisionOf } from '../../contract/registry-support.ts';
import { BulkClient } from '../../support/bulk-client.ts';
import { distinctModel } from '../../support/distinct-models.ts';
import { trappingModel } from '../../support/hostile-models.ts';
import {
  type BulkAnswer,
  bulk,
  call,
  type ManagerApp,
  readAnswers,
  startManagerApp,
} from '../../support/manager-app.ts';
import { until } from '../../support/until.ts';

let app: ManagerApp;
before(async () => {
  app = await startManagerApp({
    limits: { bulkLineBytes: 20_000, bulkConfigs: 2, bodyTimeoutMs: 1_500 },
  });
});
after(() => app.close());

const line = (tenant: string, number: number, more: object = {}) => ({
  tenant,
  model: 'churn',
  version: '1',
  artifact: { base64: distinctModel(number).toString('base64') },
  ...more,
});
const outcome = ({ status, error }: BulkAnswer) => (error === undefined ? status : error.code);
const admissions = async () => {
  const text = await app.metrics.getSingleMetricAsString('shoal_manager_admission_seconds');
  return Number(/_count (\d+)/.exec(text)?.[1]);
};

it('registers thousands of lines, and finds them unchanged without an admission run', async () => {
  const lines = Array.from({ length: 2_000 }, (_, index) => line(`t${index}`, index, { activate: true }));
  const first = await bulk(app, lines);
  assert.deepEqual(
    { ...first.summary, seconds: 0 },
    { registered: 2_000, unchanged: 0, rejected: 0, seconds: 0 },
  );
  const answer = first.answers.get(17);
  assert.deepEqual(answer, {
    line: 17,
    tenant: 't16',
    model: 'churn',
    version: '1',
    status: 'registered',
    digest: digestOf(distinctModel(16)),
    revision: answer?.revision,
  });
  assert.deepEqual((await app.registry.model('t16', 'churn'))?.traffic, { stable: '1' });
  const before = await admissions();
  const again = await bulk(app, lines);
  assert.equal(again.summary.unchanged, 2_000);
  assert.deepEqual(again.answers.get(17), { ...answer, status: 'unchanged' });
  assert.equal(await admissions(), before);
  const copies = await bulk(
    app,
    lines.slice(0, 300).map((each) => ({ ...each, version: '2', artifact: line('', 5).artifact })),
  );
  assert.equal(copies.summary.registered, 300);
  assert.ok((await admissions()) <= before + 1, 'equal artifacts are tried once');
});

it('rejects broken lines with their numbers and goes on', async () => {
  await writeFile(path.join(app.root, 'a.onnx'), distinctModel(9_000));
  const lines: [object | string, string?][] = [
    [line('a', 1), 'registered'],
    ['{"tenant": "a"', 'INVALID_JSON'],
    [''],
    ['   '],
    ['[1]', 'INVALID_REQUEST'],
    [line('NO', 1), 'INVALID_NAME'],
    [{ ...line('a', 1), version: 'stable' }, 'INVALID_NAME'],
    [{ ...line('a', 1), artifact: { base64: '!' } }, 'INVALID_REQUEST'],
    [{ ...line('a', 1), colour: 'red' }, 'INVALID_REQUEST'],
    [{ ...line('a', 1), activate: 'yes' }, 'INVALID_REQUEST'],
    [line('a', 1, { config: { nonsense: 1 } }), 'INVALID_CONFIG'],
    [line('b', 2, { configRef: 'later' }), 'INVALID_REQUEST'],
    [{ defineConfig: 'later', config: { classifier: false } }],
    [line('b', 2, { configRef: 'later' }), 'registered'],
    [line('b', 2, { configRef: 'later', config: {} }), 'INVALID_REQUEST'],
    [{ defineConfig: 'bad', config: { classifier: 'no' } }, 'INVALID_CONFIG'],
    [{ defineConfig: 'second', config: {} }],
    [{ defineConfig: 'third', config: {} }, 'TOO_LARGE'],
    [`{"tenant":"${'x'.repeat(30_000)}"}`, 'TOO_LARGE'],
    [{ ...line('c', 1), artifact: { uri: `file://${app.root}/a.onnx` } }, 'registered'],
    [{ ...line('c', 1), version: '2', artifact: { uri: 'file:///etc/passwd' } }, 'FORBIDDEN'],
    [{ ...line('c', 1), version: '3', artifact: { digest: digestOf(distinctModel(1)) } }, 'registered'],
    [
      { ...line('d', 1), artifact: { base64: Buffer.from('not onnx').toString('base64') } },
      'INVALID_ARTIFACT',
    ],
    [
      { ...line('d', 1), artifact: { base64: Buffer.from(trappingModel()).toString('base64') } },
      'ADMISSION_FAILED',
    ],
    [line('e', 3), 'registered'],
  ];
  const { answers, summary } = await bulk(
    app,
    lines.map(([each]) => each),
  );
  for (const [index, [, expected]] of lines.entries()) {
    const answer = answers.get(index + 1);
    assert.equal(answer === undefined ? undefined : outcome(answer), expected, `line ${index + 1}`);
  }
  assert.equal(summary.registered, 5);
  assert.equal(summary.rejected, lines.filter(([, expected]) => expected !== undefined).length - 5);
  assert.equal(answers.get(2)?.tenant, undefined);
  assert.equal(answers.get(11)?.tenant, 'a');
});

it('answers while the request still goes on, line by line', async () => {
  const client = new BulkClient(app);
  for (let number = 1; number <= 5; number++) {
    client.send(line('live', 20_000 + number, { version: `${number}` }));
    assert.equal((await client.answer())?.line, number);
  }
  client.end();
  assert.deepEqual(
    (await client.rest()).map((each) => each.summary?.registered),
    [5],
  );
});

it('takes gzip and zstd, and says so when it is neither', async () => {
  const text = Buffer.from(`${JSON.stringify(line('zip', 1))}\n`.repeat(500));
  const send = async (encoding: string, body: Uint8Array) => {
    const answer = await fetch(`${app.origin}/v1/models:bulkRegister`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', 'content-encoding': encoding },
      body: Buffer.from(body),
    });
    return { status: answer.status, text: await answer.text() };
  };
  for (const [encoding, body] of [
    ['gzip', gzipSync(text)],
    ['zstd', zstdCompressSync(text)],
  ] as const) {
    const { summary } = readAnswers((await send(encoding, body)).text);
    assert.equal(summary.registered + summary.unchanged, 500);
    assert.equal(summary.rejected, 0);
    const cut = readAnswers((await send(encoding, body.subarray(0, body.length - 20))).text);
    assert.equal(cut.summary.rejected, 1);
    assert.match(
      [...cut.answers.values()].find((each) => each.error)?.error?.message ?? '',
      new RegExp(`not valid ${encoding}`),
    );
  }
  assert.equal((await send('br', text)).status, 400);
  const other = await call(app, 'POST', '/v1/models:bulkRegister', {});
  assert.equal(other.status, 415);
});

it('a dry run finds the same and changes nothing', async () => {
  const revision = await revisionOf(app.registry);
  const files = async () =>
    (await readdir(path.join(app.directory, 'artifacts'), { recursive: true })).length;
  const before = await files();
  const lines = [
    line('dry', 30_000),
    line('t1', 1, { activate: true }),
    line('t1', 30_001),
    { ...line('dry', 1), artifact: { base64: 'AAAA' } },
  ];
  const { answers } = await bulk(app, lines, '?dryRun=true');
  assert.deepEqual(
    [1, 2, 3, 4].map((number) => outcome(answers.get(number) as BulkAnswer)),
    ['registered', 'unchanged', 'VERSION_EXISTS', 'INVALID_ARTIFACT'],
  );
  assert.equal(await revisionOf(app.registry), revision);
  assert.equal(await files(), before);
});

it('what the registry would refuse is refused before it is tried, in a dry run as well', async () => {
  const small = await startManagerApp({ limits: { versionsPerModel: 1 }, processes: 1 });
  try {
    assert.equal((await bulk(small, [line('full', 1)])).summary.registered, 1);
    await small.registry.putTenant('gone', {});
    await small.registry.deleteTenant('gone');
    const refused = [line('full', 2, { version: '2' }), line('gone', 3)];
    for (const query of ['?dryRun=true', '']) {
      const { answers } = await bulk(small, refused, query);
      assert.deepEqual(
        [1, 2].map((number) => outcome(answers.get(number) as BulkAnswer)),
        ['QUOTA_EXCEEDED', 'TENANT_DELETED'],
      );
    }
    const text = await small.metrics.getSingleMetricAsString('shoal_manager_admission_seconds');
    assert.match(text, /_count 1\b/);
  } finally {
    await small.close();
  }
});

it('does not read on from a client that does not read its answers, and cuts it off in the end', async () => {
  const client = new BulkClient(app);
  const response = await (client.send('{}'), client.response());
  response.pause();
  const closed = new Promise((resolve) => response.once('close', resolve));
  const many = '{"tenant":"x"}\n'.repeat(2_000);
  let sent = 0;
  while (
    client.send(Buffer.from(many)) ||
    (await Promise.race([client.drained(), closed.then(() => false)]))
  ) {
    assert.ok(++sent < 2_000, 'the server takes all without its answers being read');
  }
  await closed;
  client.kill();
});

it('what was answered to a client that died is there; what was not begun is dropped', async () => {
  const client = new BulkClient(app);
  for (let number = 0; number < 400; number++)
    client.send(line('dies', 40_000 + number, { version: '1', model: `m${number}` }));
  const answered: BulkAnswer[] = [];
  while (answered.length < 40) answered.push((await client.answer()) as BulkAnswer);
  client.kill();
  for (const { model, revision } of answered) {
    assert.equal((await app.registry.model('dies', model as string))?.revision, revision);
  }
  let now = -1;
  await until('nothing more is registered', async () => now === (now = await revisionOf(app.registry)));
  assert.ok((await app.registry.models('dies', { pageSize: 1_000 })).items.length < 400);
  const again = await bulk(
    app,
    Array.from({ length: 400 }, (_, number) => line('dies', 40_000 + number, { model: `m${number}` })),
  );
  assert.equal(again.summary.registered + again.summary.unchanged, 400);
  assert.ok(again.summary.unchanged >= 40);
});

it('a client that goes silent is told so', async () => {
  const client = new BulkClient(app);
  client.send(line('silent', 50_000));
  const answers = await client.rest();
  assert.deepEqual(answers.slice(0, 2).map(outcome), ['registered', 'REQUEST_TIMEOUT']);
  assert.equal(answers[2]?.summary?.rejected, 1);
});
