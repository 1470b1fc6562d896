import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { LoadRecorder, type LoadResult } from '../../../sim/load/recorder.ts';
import { type LoadOptions, runLoad } from '../../../sim/load/run.ts';
import { DEFAULT_MIX } from '../../../sim/workload/mix.ts';
import { bodyOf, plannedRequests } from '../../../sim/workload/requests.ts';

type Answer = (request: IncomingMessage, response: ServerResponse, number: number) => void;

const workload = { seed: 3, count: 50, mix: DEFAULT_MIX };
const traffic = { arrivals: 'poisson', ratePerSecond: 400, durationMs: 500, zipf: 1, rows: 2 } as const;

async function load(answer: Answer, options: Partial<LoadOptions> = {}): Promise<LoadResult> {
  let number = 0;
  const server = createServer((request, response) => answer(request, response, number++));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    return await runLoad({ target, workload, traffic, maxInFlight: 256, ...options });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('sends exactly what the seed plans, and counts all of it', async () => {
  const got: string[] = [];
  const result = await load((request, response, number) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      got.push(`${request.method} ${request.url} ${body}`);
      if (number % 10 === 0) response.setHeader('x-shoal-cold', 'true');
      response.end('{}');
    });
  });
  const planned = [...plannedRequests(workload, traffic)].map((request) => {
    const { tenant, model } = request.model;
    return `POST /v1/tenants/${tenant}/models/${model}:predict ${bodyOf(workload.seed, request, 2)}`;
  });
  assert.deepEqual(got.toSorted(), planned.toSorted());
  const { all, warm, cold } = result.latencyMs;
  assert.deepEqual([result.arrivals, result.requests, all.count], Array(3).fill(planned.length));
  assert.equal(cold.count, Math.ceil(planned.length / 10));
  assert.equal(warm.count + cold.count, all.count);
  assert.deepEqual([result.errors, result.dropped], [{}, 0]);
  assert.ok(all.p50 <= all.p90 && all.p90 <= all.p99 && all.p99 <= all.p999 && all.p999 <= all.max * 1.001);
});

test('errors are counted by code, and their times are in no histogram', async () => {
  const result = await load((request, response, number) => {
    if (number % 4 === 0) {
      request.socket.destroy();
      return;
    }
    response.statusCode = number % 4 === 1 ? 503 : number % 4 === 2 ? 500 : 200;
    if (number % 4 === 1) response.setHeader('x-shoal-error', 'OVERLOADED');
    response.end();
  });
  assert.deepEqual(Object.keys(result.errors).sort(), ['HTTP_500', 'OVERLOADED', 'UND_ERR_SOCKET']);
  const failed = Object.values(result.errors).reduce((sum, count) => sum + count, 0);
  assert.equal(result.requests + failed, result.arrivals);
  assert.equal(result.latencyMs.all.count, result.requests);
});

test('a stalled server slows no arrival: what came meanwhile has waited since its own arrival', async () => {
  const held: ServerResponse[] = [];
  const planned = [...plannedRequests(workload, traffic)];
  const result = await load((_request, response) => {
    held.push(response);
    // Nothing is answered until the last request has come; a client that waited would never send it.
    if (held.length === planned.length) for (const each of held) each.end();
  });
  assert.equal(result.requests, planned.length);
  const spanMs = (planned.at(-1)?.atMs as number) - (planned[0]?.atMs as number);
  const { p50, max } = result.latencyMs.all;
  assert.ok(max >= spanMs * 0.999, `${max} of ${spanMs}`);
  // The median request came in the middle of the stall.
  const middle = planned[Math.floor(planned.length / 2)]?.atMs as number;
  assert.ok(p50 >= ((planned.at(-1)?.atMs as number) - middle) * 0.9);
});

test('what exceeds the requests in flight is dropped and counted', async () => {
  const held: ServerResponse[] = [];
  const recorder = new LoadRecorder();
  const server = createServer((_request, response) => {
    held.push(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const planned = [...plannedRequests(workload, traffic)].length;
  const drop = recorder.drop.bind(recorder);
  recorder.drop = () => {
    drop();
    if (recorder.dropped === planned - 7) for (const each of held) each.end();
  };
  const result = await runLoad({ target, workload, traffic, maxInFlight: 7 }, recorder);
  server.closeAllConnections();
  server.close();
  assert.deepEqual([result.arrivals, result.requests, result.dropped], [planned, 7, planned - 7]);
});

test('a server that is gone is an error of every request', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const result = await runLoad({
    target: `http://127.0.0.1:${port}`,
    workload,
    traffic,
    maxInFlight: 10,
  });
  assert.deepEqual(Object.keys(result.errors), ['ECONNREFUSED']);
  assert.equal(result.errors['ECONNREFUSED'], result.arrivals - result.dropped);
  assert.equal(result.latencyMs.all.count, 0);
});
