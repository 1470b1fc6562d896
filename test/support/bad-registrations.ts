import { type BadRequest, bad } from './bad-requests.ts';

const REGISTER = '/v1/tenants/acme/models/new/versions/1';
const OCTETS = { 'content-type': 'application/octet-stream' };

export const BAD_REGISTRATIONS: readonly BadRequest[] = [
  bad('a bulk stream in an encoding that objects know', 400, 'UNSUPPORTED_ENCODING', /constructor/, '{}', {
    path: '/v1/models:bulkRegister',
    headers: { 'content-type': 'application/x-ndjson', 'content-encoding': 'constructor' },
  }),
  bad('an artifact in an encoding', 400, 'UNSUPPORTED_ENCODING', /gzip/, Buffer.from('x'), {
    method: 'PUT',
    path: REGISTER,
    headers: { ...OCTETS, 'content-encoding': 'gzip' },
  }),
  bad('an empty artifact', 422, 'INVALID_ARTIFACT', /empty|0 bytes/, Buffer.alloc(0), {
    method: 'PUT',
    path: REGISTER,
    headers: OCTETS,
  }),
  bad('random bytes', 422, 'INVALID_ARTIFACT', /ONNX/i, Buffer.from('not a model, whatever it says'), {
    method: 'PUT',
    path: REGISTER,
    headers: OCTETS,
  }),
  bad('lines for one version', 415, 'UNSUPPORTED_MEDIA_TYPE', /x-ndjson/, Buffer.from('{}'), {
    method: 'PUT',
    path: REGISTER,
    headers: { 'content-type': 'application/x-ndjson' },
  }),
  bad('a label as a version', 400, 'INVALID_NAME', /label/, Buffer.from('x'), {
    method: 'PUT',
    path: '/v1/tenants/acme/models/new/versions/stable',
    headers: OCTETS,
  }),
  bad('a version with a space', 400, 'INVALID_NAME', /version/, Buffer.from('x'), {
    method: 'PUT',
    path: '/v1/tenants/acme/models/new/versions/a%20b',
    headers: OCTETS,
  }),
  bad(
    'an artifact of two kinds',
    400,
    'INVALID_REQUEST',
    /artifact/,
    { artifact: { base64: 'AA==', uri: 'file:///x' } },
    { method: 'PUT', path: REGISTER },
  ),
  bad(
    'base64 that is none',
    400,
    'INVALID_REQUEST',
    /base64/,
    { artifact: { base64: '****' } },
    { method: 'PUT', path: REGISTER },
  ),
  bad(
    'a uri outside the roots',
    403,
    'FORBIDDEN',
    /allow-root|root/,
    { artifact: { uri: 'file:///etc/passwd' } },
    { method: 'PUT', path: REGISTER },
  ),
  bad(
    'a digest that is not there',
    400,
    'INVALID_REQUEST',
    /sha256/,
    { artifact: { digest: `sha256:${'0'.repeat(64)}` } },
    { method: 'PUT', path: REGISTER },
  ),
  bad(
    'a config with an unknown key',
    422,
    'INVALID_CONFIG',
    /colour/,
    { artifact: { base64: 'AA==' }, config: { colour: 'red' } },
    { method: 'PUT', path: REGISTER },
  ),
  bad('text as a registration', 415, 'UNSUPPORTED_MEDIA_TYPE', /text\/plain/, 'hello', {
    method: 'PUT',
    path: REGISTER,
    headers: { 'content-type': 'text/plain' },
  }),
  bad(
    'traffic to a version that is not there',
    404,
    'VERSION_NOT_FOUND',
    /99/,
    { stable: '99' },
    { method: 'PUT', path: '/v1/tenants/acme/models/churn/traffic' },
  ),
  bad(
    'a canary over 100 %',
    400,
    'INVALID_REQUEST',
    /percent/,
    { stable: '1', canary: { version: '1', percent: 101 } },
    { method: 'PUT', path: '/v1/tenants/acme/models/churn/traffic' },
  ),
  bad(
    'a stale revision',
    409,
    'REVISION_CONFLICT',
    /\d/,
    { stable: '1' },
    { method: 'PUT', path: '/v1/tenants/acme/models/churn/traffic', headers: { 'if-match': '"1"' } },
  ),
  bad('deleting what serves', 409, 'IN_USE', /stable|traffic/, undefined, {
    method: 'DELETE',
    path: '/v1/tenants/acme/models/churn/versions/1',
  }),
  bad('an unknown route', 404, 'ROUTE_NOT_FOUND', /nothing/, undefined, {
    method: 'GET',
    path: '/v1/nothing',
  }),
  bad('a wrong method', 405, 'METHOD_NOT_ALLOWED', /GET/, undefined, {
    method: 'PATCH',
    path: '/v1/tenants/acme',
  }),
  bad('a page size of zero', 400, 'INVALID_REQUEST', /pageSize/, undefined, {
    method: 'GET',
    path: '/v1/tenants?pageSize=0',
  }),
];
