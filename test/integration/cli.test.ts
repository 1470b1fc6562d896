import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { artifactPath } from '../support/cases.ts';
import { type RunningShoal, runShoal, startShoal, temporaryDir } from '../support/shoal.ts';

/** The commands as a person and a script use them, against a real server. */
let shoal: RunningShoal;
let dir: string;
before(async () => {
  shoal = await startShoal();
  dir = await temporaryDir();
});
after(async () => {
  await shoal[Symbol.asyncDispose]();
});

const run = (...args: string[]) => runShoal([...args, '--server', shoal.origin]);

describe('shoal push', () => {
  it('registers a directory with configs, and again as unchanged', async () => {
    const models = path.join(dir, 'models');
    await mkdir(path.join(models, 'zoo', 'lead'), { recursive: true });
    await copyFile(artifactPath('lead-score-sgd'), path.join(models, 'zoo', 'lead', '7.onnx'));
    await writeFile(path.join(models, 'zoo', 'lead', '7.json'), '{"features":["a","b","c","d","e"]}');
    const first = await run('push', models, '--json');
    assert.equal(first.code, 0, first.stderr);
    assert.equal((JSON.parse(first.stdout) as { registered: number }).registered, 1);
    const second = await run('push', models, '--json');
    assert.equal((JSON.parse(second.stdout) as { unchanged: number }).unchanged, 1);
    const asked = await run('predict', 'zoo/lead@7', '-d', '{"a":3.4,"b":7.87,"c":13,"d":3.472,"e":0}');
    assert.equal(asked.code, 0, asked.stderr);
    assert.match(asked.stdout, /"version":"7"/);
  });

  it('goes on past rejects, lists them, writes them to a file and exits with 1', async () => {
    const manifest = path.join(dir, 'manifest.ndjson');
    const rejects = path.join(dir, 'rejects.ndjson');
    await copyFile(artifactPath('churn-logreg'), path.join(dir, 'churn.onnx'));
    const line = (model: string, artifact: object) =>
      JSON.stringify({ tenant: 'zoo', model, version: '1', artifact });
    await writeFile(
      manifest,
      [
        line('good', { path: 'churn.onnx' }),
        '{"broken',
        line('bad', { base64: 'AAAA' }),
        line('also', { path: 'churn.onnx' }),
      ].join('\n'),
    );
    const pushed = await run('push', manifest, '--rejects', rejects);
    assert.equal(pushed.code, 1, pushed.stderr);
    assert.match(pushed.stdout, /2 registered, 0 unchanged, 2 rejected/);
    assert.match(pushed.stdout, /rejected .*manifest\.ndjson:2: INVALID_JSON/);
    const written = (await readFile(rejects, 'utf8')).trim().split('\n');
    assert.equal(written.length, 2);
  });

  it('refuses a directory that is laid out otherwise, saying how it should be', async () => {
    const wrong = path.join(dir, 'wrong');
    await mkdir(wrong);
    await copyFile(artifactPath('churn-logreg'), path.join(wrong, 'churn.onnx'));
    const pushed = await run('push', wrong);
    assert.equal(pushed.code, 2);
    assert.match(pushed.stderr, /TENANT\/MODEL\/VERSION\.onnx/);
  });

  it('says so when no server is there', async () => {
    const pushed = await runShoal(['models', '--server', 'http://127.0.0.1:1']);
    assert.equal(pushed.code, 3);
    assert.match(pushed.stderr, /can't reach Shoal at http:\/\/127\.0\.0\.1:1/);
  });
});

describe('shoal predict, models, traffic, placement', () => {
  it('predict takes one instance, several, a whole request, a file and stdin', async () => {
    const row = [12, 49.84, 1, 51, 210, 0.793, -75, 39];
    const file = path.join(dir, 'rows.json');
    await writeFile(file, JSON.stringify({ instances: [row] }));
    for (const data of [JSON.stringify([row]), JSON.stringify({ instances: [row] }), `@${file}`]) {
      const asked = await run('predict', 'acme/churn', '-d', data);
      assert.equal(asked.code, 0, asked.stderr);
      assert.match(asked.stdout, /"probabilities"/);
      assert.match(asked.stderr, /version 1 on worker-\d/);
    }
    const piped = await runShoal(
      ['predict', 'acme/churn', '-d', '-', '--server', shoal.origin],
      JSON.stringify([row]),
    );
    assert.equal(piped.code, 0, piped.stderr);
  });

  it("predict shows the server's error with its details and exits with 1", async () => {
    const asked = await run('predict', 'acme/churn', '-d', '{"age": "old"}');
    assert.equal(asked.code, 1);
    assert.match(asked.stderr, /INVALID_INPUT/);
  });

  it('models lists tenants, models and versions', async () => {
    assert.match((await run('models')).stdout, /^TENANT .*\nacme/);
    assert.match((await run('models', 'acme')).stdout, /churn +1 +1/);
    assert.match((await run('models', 'acme/churn')).stdout, /729 B/);
    assert.equal((await run('models', 'nobody')).code, 1);
  });

  it('models show tells what runs a version, why, and what it takes', async () => {
    const shown = await run('models', 'show', 'acme/churn');
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(
      shown.stdout,
      /^acme\/churn@1 \(stable\)\n +runs as +a (plan of structure|session of ONNX Runtime: it) /,
    );
    assert.match(shown.stdout, /artifact +729 B, sha256:/);
    assert.match(shown.stdout, /resident +\d/);
    const json = JSON.parse((await run('models', 'show', 'acme/churn@1', '--json')).stdout) as object;
    assert.ok('executor' in json && 'resources' in json);
    assert.equal((await run('models', 'show', 'acme/churn@9')).code, 1);
    assert.equal((await run('models', 'show', 'acme')).code, 2);
  });

  it('traffic shows and changes, keeping what is not named', async () => {
    const version = path.join(dir, 'next', 'acme', 'churn');
    await mkdir(version, { recursive: true });
    await copyFile(artifactPath('upsell-gbt'), path.join(version, '2.onnx'));
    assert.equal((await run('push', path.join(dir, 'next'), '--no-activate')).code, 0);
    assert.match(
      (await run('traffic', 'acme/churn', '--canary', '2:5')).stdout,
      /stable 1 +canary 2 \(5 %\)/,
    );
    assert.match(
      (await run('traffic', 'acme/churn', '--stable', '2', '--canary', 'none')).stdout,
      /stable 2 +canary -/,
    );
    assert.equal((await run('traffic', 'acme/churn', '--stable', '9')).code, 1);
    assert.equal((await run('traffic', 'acme/churn', '--canary', 'x')).code, 2);
  });

  it('placement explains a model and the fleet', async () => {
    assert.match((await run('placement', 'acme/churn')).stdout, /worker-\d .*number 1 of/);
    assert.match((await run('placement')).stdout, /tenants on 2 workers/);
    const json = JSON.parse((await run('placement', '--json')).stdout) as {
      shards: Record<string, string[]>;
    };
    assert.equal(json.shards['acme']?.length, 2);
  });

  it('models why tells where a model was, what happened to it and what would keep it', async () => {
    assert.equal((await run('predict', 'acme/churn', '-d', '[[12,49.84,1,51,210,0.793,-75,39]]')).code, 0);
    const told = await run('models', 'why', 'acme/churn');
    assert.equal(told.code, 0, told.stderr);
    assert.match(
      told.stdout,
      /^worker-\d:\n +version \d: resident; .*; loaded 20.* in \d.* ms; \d+ requests? since/m,
    );
    assert.match(told.stdout, /It stays until a load needs its room/);
    assert.match(told.stdout, /^worker-\d: never loaded there/m);
    const json = JSON.parse((await run('models', 'why', 'acme/churn', '--json')).stdout) as {
      shard: { history: { advice: string }[] }[];
    };
    assert.ok(json.shard.some(({ history }) => history.some(({ advice }) => advice.startsWith('It stays'))));
    assert.equal((await run('models', 'why', 'acme/none')).code, 1);
    assert.equal((await run('models', 'why', 'acme')).code, 2);
  });

  it('help teaches by example, wrong usage exits with 2', async () => {
    for (const command of ['', 'up', 'push', 'predict', 'models', 'traffic', 'placement']) {
      const help = await runShoal([command, '--help'].filter(Boolean));
      assert.equal(help.code, 0);
      assert.match(help.stdout, /Examples:/);
    }
    assert.equal((await runShoal(['fly'])).code, 2);
    assert.equal((await runShoal(['up', '--workers', 'many'])).code, 2);
    assert.equal((await runShoal(['predict', 'acme', '-d', '1'])).code, 2);
  });
});
