import { request } from 'undici';
import { distinctModel } from './distinct-models.ts';

export interface FleetAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readonly<Record<string, unknown>>;
}

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** One request to a process of a fleet. Bytes go as an artifact, text as it is, all else as JSON. */
export async function ask(
  origin: string,
  method: Method,
  path: string,
  body?: object | string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<FleetAnswer> {
  const type = Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json';
  const content = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const answer = await request(`${origin}${path}`, {
    method,
    ...(body === undefined ? { headers } : { headers: { 'content-type': type, ...headers }, body: content }),
  });
  const text = await answer.body.text();
  const isJson = String(answer.headers['content-type']).startsWith('application/json');
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: (isJson ? JSON.parse(text) : { text }) as Record<string, unknown>,
  };
}

/** Registers a small working classifier, one of its own for each number, and makes it stable. */
export function register(
  origin: string,
  tenant: string,
  model: string,
  version: number,
): Promise<FleetAnswer> {
  const path = `/v1/tenants/${tenant}/models/${model}/versions/${version}?activate=true`;
  return ask(origin, 'PUT', path, distinctModel(version));
}

export function predict(origin: string, tenant: string, model: string, query = ''): Promise<FleetAnswer> {
  const instances = [[12, 49.84, 1, 51, 210, 0.793, -75, 39]];
  return ask(origin, 'POST', `/v1/tenants/${tenant}/models/${model}:predict${query}`, { instances });
}

/** The value of a metric without labels. */
export async function metric(origin: string, name: string): Promise<number | undefined> {
  const { body } = await ask(origin, 'GET', '/metrics');
  const found = new RegExp(`^${name} (\\S+)$`, 'm').exec(String(body['text']));
  return found === null ? undefined : Number(found[1]);
}
