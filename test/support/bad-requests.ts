import { gzipSync } from 'node:zlib';

/** One wrong request and what must come back. */
export interface BadRequest {
  readonly name: string;
  readonly status: number;
  readonly code: string;
  /** The message and details must match. */
  readonly says: RegExp;
  readonly body: unknown;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export const CHURN = '/v1/tenants/acme/models/churn:predict';
const LOAN = '/v1/tenants/aspen/models/loan-default:predict';

const row = [12, 49.84, 1, 51, 210, 0.793, -75, 39];
export const named = {
  tenure_months: 12,
  monthly_spend: 49.84,
  open_tickets: 1,
  age: 51,
  logins: 210,
  late_share: 0.793,
  nps: -75,
  days_idle: 39,
};
const loan = { income: 45271.13, debt_ratio: 0.622, age: 18, children: 5, region: 'south', housing: 'rent' };
const deep = `{"instances":${'['.repeat(40)}${']'.repeat(40)}}`;

export function bad(
  name: string,
  status: number,
  code: string,
  says: RegExp,
  body?: unknown,
  extra: Partial<Pick<BadRequest, 'method' | 'path' | 'headers'>> = {},
): BadRequest {
  return { name, status, code, says, body, method: 'POST', path: CHURN, headers: {}, ...extra };
}

export const BAD_PREDICTIONS: readonly BadRequest[] = [
  bad('an unknown feature', 400, 'INVALID_INPUT', /shoe_size/, { instances: [{ ...named, shoe_size: 42 }] }),
  bad('a missing feature', 400, 'INVALID_INPUT', /monthly_spend/, { instances: [{ tenure_months: 1 }] }),
  bad(
    'a prototype name as a feature',
    400,
    'INVALID_INPUT',
    /instances\/0/,
    '{"instances":[{"__proto__":1,"constructor":2}]}',
  ),
  bad('too few values', 400, 'INVALID_INPUT', /8/, { instances: [[1, 2, 3]] }),
  bad('ragged rows', 400, 'INVALID_INPUT', /instances\/1|8/, { instances: [row, row.slice(1)] }),
  bad('text for a number', 400, 'INVALID_INPUT', /age/, { instances: [{ ...named, age: 'old' }] }),
  bad(
    'a number for text',
    400,
    'INVALID_INPUT',
    /region/,
    { instances: [{ ...loan, region: 7 }] },
    { path: LOAN },
  ),
  bad(
    'a fraction for an integer',
    400,
    'INVALID_INPUT',
    /age/,
    { instances: [{ ...loan, age: 18.5 }] },
    { path: LOAN },
  ),
  bad(
    'NaN for an integer',
    400,
    'INVALID_INPUT',
    /age/,
    { instances: [{ ...loan, age: 'NaN' }] },
    { path: LOAN },
  ),
  bad(
    'null for an integer',
    400,
    'INVALID_INPUT',
    /age/,
    { instances: [{ ...loan, age: null }] },
    { path: LOAN },
  ),
  bad(
    'an integer beyond 64 bits',
    400,
    'INVALID_INPUT',
    /age/,
    JSON.stringify({ instances: [{ ...loan, age: 0 }] }).replace(
      '"age":0',
      '"age":123456789012345678901234567890',
    ),
    { path: LOAN },
  ),
  bad('zero rows', 400, 'INVALID_INPUT', /instances/, { instances: [] }),
  bad('too many rows', 400, 'INVALID_INPUT', /4096|4,096/, {
    instances: Array.from({ length: 4097 }, () => row),
  }),
  bad('no instances', 400, 'INVALID_REQUEST', /instances/, { rows: [] }),
  bad('an instance that is a number', 400, 'INVALID_INPUT', /instances\/0/, { instances: [3] }),
  bad('JSON that is too deep', 400, 'INVALID_JSON', /32/, deep),
  bad('JSON that is cut', 400, 'INVALID_JSON', /./, '{"instances":[[1,2'),
  bad('an empty body', 400, 'INVALID_JSON', /empty|end/, ''),
  bad('bytes that are not UTF-8', 400, 'INVALID_JSON', /UTF-8/, Buffer.from([0x7b, 0xff, 0x7d])),
  bad('a body over the limit', 413, 'TOO_LARGE', /16777216/, Buffer.alloc(17 * 1024 * 1024, 0x20)),
  bad(
    'a body that inflates over the limit',
    413,
    'TOO_LARGE',
    /gzip/,
    gzipSync(Buffer.alloc(17 * 1024 * 1024, 0x20)),
    { headers: { 'content-encoding': 'gzip' } },
  ),
  bad('a false content-encoding', 400, 'INVALID_REQUEST', /gzip/, '{"instances":[]}', {
    headers: { 'content-encoding': 'gzip' },
  }),
  bad(
    'a content-encoding that objects know',
    400,
    'UNSUPPORTED_ENCODING',
    /constructor/,
    { instances: [row] },
    {
      headers: { 'content-encoding': 'constructor' },
    },
  ),
  bad('an unknown content-encoding', 400, 'UNSUPPORTED_ENCODING', /lzma/, '{}', {
    headers: { 'content-encoding': 'lzma' },
  }),
  bad('a wrong content-type', 415, 'UNSUPPORTED_MEDIA_TYPE', /text\/plain/, 'instances=1', {
    headers: { 'content-type': 'text/plain' },
  }),
  ...['application/octet-stream', 'application/x-ndjson'].map((type) =>
    bad(`${type} for instances`, 415, 'UNSUPPORTED_MEDIA_TYPE', /not taken/, '{"instances":[]}', {
      headers: { 'content-type': type },
    }),
  ),
  bad('a route that is not there, whatever its body', 404, 'ROUTE_NOT_FOUND', /nothing/, '{"cut', {
    path: '/v1/nothing',
  }),
  bad('a method that is not there, whatever its body', 405, 'METHOD_NOT_ALLOWED', /GET/, 'x', {
    path: '/livez',
    headers: { 'content-type': 'text/plain' },
  }),
  ...(['GET', 'PUT', 'DELETE'] as const).map((method) =>
    bad(`${method} of :predict`, 405, 'METHOD_NOT_ALLOWED', /takes only POST$|takes only POST"/, undefined, {
      method,
    }),
  ),
  bad(
    'a deadline out of range',
    400,
    'INVALID_REQUEST',
    /60,?000/,
    { instances: [row] },
    { headers: { 'x-request-timeout-ms': '0' } },
  ),
  bad(
    'an unknown tenant',
    404,
    'TENANT_NOT_FOUND',
    /nobody/,
    { instances: [row] },
    { path: '/v1/tenants/nobody/models/churn:predict' },
  ),
  bad(
    'an unknown model',
    404,
    'MODEL_NOT_FOUND',
    /nothing/,
    { instances: [row] },
    { path: '/v1/tenants/acme/models/nothing:predict' },
  ),
  bad(
    'an unknown version',
    404,
    'VERSION_NOT_FOUND',
    /99/,
    { instances: [row] },
    { path: `${CHURN}?version=99` },
  ),
  bad(
    'a tenant in capitals',
    400,
    'INVALID_NAME',
    /tenant/,
    { instances: [row] },
    { path: '/v1/tenants/ACME/models/churn:predict' },
  ),
  bad(
    'a name with a slash',
    400,
    'INVALID_NAME',
    /model/,
    { instances: [row] },
    { path: '/v1/tenants/acme/models/a%2fb:predict' },
  ),
  bad(
    'a name that climbs',
    400,
    'INVALID_NAME',
    /model/,
    { instances: [row] },
    { path: '/v1/tenants/acme/models/..%2f..:predict' },
  ),
  bad(
    'a name with a newline',
    400,
    'INVALID_NAME',
    /model/,
    { instances: [row] },
    { path: '/v1/tenants/acme/models/a%0ab:predict' },
  ),
  bad(
    'a name in unicode',
    400,
    'INVALID_NAME',
    /model/,
    { instances: [row] },
    { path: '/v1/tenants/acme/models/%C3%A9:predict' },
  ),
  bad(
    'a prototype name as tenant',
    400,
    'INVALID_NAME',
    /tenant/,
    { instances: [row] },
    { path: '/v1/tenants/__proto__/models/churn:predict' },
  ),
  bad(
    'a prototype name as model',
    404,
    'MODEL_NOT_FOUND',
    /constructor/,
    { instances: [row] },
    { path: '/v1/tenants/acme/models/constructor:predict' },
  ),
];
