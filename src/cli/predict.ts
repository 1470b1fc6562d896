import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { ShoalClient } from './client.ts';
import { CliError, EXIT } from './exit.ts';
import { print } from './output.ts';

export interface PredictOptions {
  readonly server: string;
  readonly data: string;
  readonly timeoutMs?: number;
  readonly json: boolean;
}

/** `shoal predict`: one prediction request. */
export async function predict(
  name: { tenant: string; model: string; version?: string },
  options: PredictOptions,
): Promise<number> {
  const client = new ShoalClient(options.server);
  try {
    const query = name.version === undefined ? '' : `?version=${encodeURIComponent(name.version)}`;
    const path = `/v1/tenants/${encodeURIComponent(name.tenant)}/models/${encodeURIComponent(name.model)}:predict${query}`;
    const headers: Record<string, string> =
      options.timeoutMs === undefined ? {} : { 'x-request-timeout-ms': String(options.timeoutMs) };
    const answer = await client.stream('POST', path, await requestBody(options.data), headers);
    const body = await answer.body.text();
    // The body is printed as it came: parsing it here would round 64-bit integers.
    print(body);
    if (!options.json) {
      const {
        'x-shoal-version': version,
        'x-shoal-worker': worker,
        'server-timing': timing,
      } = answer.headers;
      process.stderr.write(`version ${String(version)} on ${String(worker)}; ${String(timing)}\n`);
    }
    return EXIT.ok;
  } finally {
    await client.close();
  }
}

/** `{"instances": ...}` as it is; an array is the instances, anything else one instance. */
async function requestBody(data: string): Promise<string> {
  const source =
    data === '-' ? await text(process.stdin) : data.startsWith('@') ? await readData(data.slice(1)) : data;
  let parsed: unknown;
  try {
    parsed = JSON.parse(source);
  } catch (error) {
    throw new CliError(`--data is not JSON: ${(error as Error).message}`, EXIT.usage, error);
  }
  if (Array.isArray(parsed)) return `{"instances": ${source}}`;
  const isRequest = typeof parsed === 'object' && parsed !== null && 'instances' in parsed;
  return isRequest ? source : `{"instances": [${source}]}`;
}

async function readData(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: Error) => {
    throw new CliError(`can't read ${file}: ${error.message}`, EXIT.usage, error);
  });
}
