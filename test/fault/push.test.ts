import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from '../../src/model/onnx/onnx_pb.ts';
import { loadArtifact } from '../support/cases.ts';
import { type RunningShoal, runShoal, startShoal, temporaryDir } from '../support/shoal.ts';

let shoal: RunningShoal;
before(async () => {
  shoal = await startShoal(['--no-samples']);
});
after(async () => {
  await shoal[Symbol.asyncDispose]();
});

describe('shoal push', () => {
  it('sends again what was not answered when the connection breaks, each line with the config it had', async () => {
    const lines: string[] = [];
    const base64 = Buffer.from(loadArtifact('stock-quantile')).toString('base64');
    for (let index = 0; index < 300; index++) {
      // The name is given another meaning half-way: no line before it may get that one.
      if (index % 150 === 0)
        lines.push(JSON.stringify({ defineConfig: 'c', config: { features: [`a${index}`, 'b', 'c'] } }));
      lines.push(
        JSON.stringify({
          tenant: `t${index}`,
          model: 'm',
          version: '1',
          artifact: { base64 },
          configRef: 'c',
        }),
      );
    }
    const manifest = path.join(await temporaryDir(), 'manifest.ndjson');
    await writeFile(manifest, lines.join('\n'));
    const cuts = [3_000, 9_000, 20_000];
    const proxy = await startCuttingProxy(Number(new URL(shoal.origin).port), cuts);
    const pushed = await runShoal(['push', manifest, '--json', '--server', `http://127.0.0.1:${proxy.port}`]);
    proxy.close();
    assert.equal(pushed.code, 0, pushed.stderr + pushed.stdout);
    assert.equal(cuts.length, 0, 'every cut was made');
    const counts = JSON.parse(pushed.stdout) as { registered: number; unchanged: number };
    assert.equal(counts.registered + counts.unchanged, 300);
    for (const index of [0, 149, 150, 299]) {
      const feature = index < 150 ? 'a0' : 'a150';
      const answer = await fetch(`${shoal.origin}/v1/tenants/t${index}/models/m:predict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ instances: [{ [feature]: 1, b: 2, c: 3 }] }),
      });
      assert.equal(answer.status, 200, await answer.text());
    }
  });

  it('sends artifacts that no bulk line could take on their own', { timeout: 120_000 }, async () => {
    const dir = await temporaryDir();
    await mkdir(path.join(dir, 'big', 'm'), { recursive: true });
    const model = fromBinary(ModelProtoSchema, loadArtifact('stock-quantile'));
    model.docString = 'x'.repeat(41 * 1024 * 1024);
    await writeFile(path.join(dir, 'big', 'm', '1.onnx'), toBinary(ModelProtoSchema, model));
    await writeFile(path.join(dir, 'big', 'm', '1.json'), '{"features":["a","b","c"]}');
    await writeFile(path.join(dir, 'big', 'm', '2.onnx'), loadArtifact('stock-quantile'));
    const pushed = await runShoal(['push', dir, '--json', '--server', shoal.origin]);
    assert.equal(pushed.code, 0, pushed.stderr + pushed.stdout);
    assert.equal((JSON.parse(pushed.stdout) as { registered: number }).registered, 2);
  });
});

/** Forwards connections; each of the first ones is cut after so many bytes of answers. */
async function startCuttingProxy(
  target: number,
  cuts: number[],
): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    const cutAt = cuts.shift() ?? Number.POSITIVE_INFINITY;
    let bytes = 0;
    for (const socket of [near, far]) sockets.add(socket.on('error', () => undefined));
    near.pipe(far);
    far.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes < cutAt) near.write(chunk);
      else for (const socket of [near, far]) socket.destroy();
    });
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
