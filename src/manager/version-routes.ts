import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { ShoalError } from '../core/errors.ts';
import { checkModel, checkTenant, checkVersion, quote } from '../core/ids.ts';
import { discardBody } from '../http/body.ts';
import type { ExecutorChoice } from '../model/executor-choice.ts';
import type { AdmittedArtifact, ModelRecord, VersionId, VersionRecord } from '../stores/registry/registry.ts';
import type { ArtifactSource } from './artifact-source.ts';
import { bulkRegister } from './bulk.ts';
import { decodedChunks } from './body-chunks.ts';
import type { RouteDeps } from './server.ts';
import {
  BulkBody,
  BulkQuery,
  DeletedAnswer,
  RegisterBody,
  RegisterQuery,
  VersionAnswer,
  VersionParams,
} from './schemas.ts';
import { flag, readUpload } from './upload.ts';

const tags = ['registration'];
const VERSION = '/v1/tenants/:tenant/models/:model/versions/:version';

export function versionRoutes(app: FastifyInstance, deps: RouteDeps): void {
  app.put(
    VERSION,
    {
      config: { access: 'register', body: 'application/octet-stream' },
      schema: {
        tags,
        params: VersionParams,
        querystring: RegisterQuery,
        body: RegisterBody,
        summary: 'Register a version',
        description:
          'Immutable: the same bytes and config again are 200 `unchanged`, others are 409. `?activate=true` makes it stable.',
        response: { 200: VersionAnswer, 201: VersionAnswer },
      },
    },
    (request, reply) => putVersion(deps, request, reply),
  );
  app.get(
    VERSION,
    {
      config: { access: 'read' },
      schema: { tags, params: VersionParams, summary: 'A version', response: { 200: VersionAnswer } },
    },
    (request) => getVersion(deps, versionId(request)),
  );
  app.delete(
    VERSION,
    {
      config: { access: 'register' },
      schema: {
        tags,
        params: VersionParams,
        summary: 'Delete a version that is not in traffic',
        response: { 200: DeletedAnswer },
      },
    },
    (request) => deps.registry.deleteVersion(versionId(request)),
  );
  app.post(
    '/v1/tenants/:tenant/models/:model/versions/:version(^[^:]+)::liftQuarantine',
    {
      config: { access: 'operate' },
      schema: {
        tags,
        params: VersionParams,
        summary: 'Serve a version again that crashed workers',
        description: 'Forgets its strikes. Nothing changes when it is in no quarantine.',
        response: { 200: VersionAnswer },
      },
    },
    (request) => liftQuarantine(deps, versionId(request)),
  );
  app.get(
    `${VERSION}/artifact`,
    {
      config: { access: 'read' },
      schema: {
        tags,
        params: VersionParams,
        summary: 'The artifact as it was registered',
        response: {
          200: { content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } },
        },
      },
    },
    (request, reply) => getArtifact(deps, versionId(request), reply),
  );
  bulkRoute(app, deps);
}

function bulkRoute(app: FastifyInstance, deps: RouteDeps): void {
  app.post(
    '/v1/models::bulkRegister',
    {
      config: { access: 'register', body: 'application/x-ndjson' },
      schema: {
        tags,
        querystring: BulkQuery,
        body: BulkBody,
        summary: 'Register many versions, streaming both ways',
        description:
          'A line a line, in any order, each as soon as it is durable; a summary at the end. `?dryRun=true` changes nothing. content-encoding gzip and zstd are taken.',
        response: { 200: { content: { 'application/x-ndjson': { schema: { type: 'string' } } } } },
      },
    },
    (request, reply) => bulk(deps, request, reply),
  );
}

async function putVersion(deps: RouteDeps, request: FastifyRequest, reply: FastifyReply): Promise<object> {
  const gone = new AbortController();
  reply.raw.on('close', () => gone.abort());
  let source: ArtifactSource | undefined;
  try {
    const id = versionId(request);
    const upload = await readUpload(request, deps);
    const { config, activate } = upload;
    source = upload.source;
    const result = await deps.registrar.register({
      id,
      source,
      config,
      activate,
      dryRun: false,
      signal: gone.signal,
    });
    const { status, revision, activated } = result;
    if (status === 'registered' && result.artifact !== undefined) {
      void reply.code(201);
      return { ...answerOf(id, result.artifact, status), revision, activated, strikes: 0 };
    }
    const record = await deps.registry.version(id.tenant, id.model, id.version);
    if (record === undefined) throw await missing(deps, id);
    return { ...answerOf(id, record.artifact, status), revision, activated, ...faultsOf(record) };
  } finally {
    await source?.close();
  }
}

async function getVersion(deps: RouteDeps, id: VersionId): Promise<object> {
  const [record, model] = await Promise.all([
    deps.registry.version(id.tenant, id.model, id.version),
    deps.registry.model(id.tenant, id.model),
  ]);
  if (record === undefined) throw await missing(deps, id);
  return recordAnswer(record, model);
}

async function liftQuarantine(deps: RouteDeps, id: VersionId): Promise<object> {
  const { tenant, model, version } = id;
  if ((await deps.registry.version(tenant, model, version)) === undefined) throw await missing(deps, id);
  const record = await deps.registry.liftQuarantine(id);
  const current = await deps.registry.model(tenant, model);
  if (current !== undefined) await deps.published(current.revision);
  return recordAnswer(record, current);
}

function recordAnswer(record: VersionRecord, model: ModelRecord | undefined): object {
  const { tenant, model: name, version, artifact, revision } = record;
  const answer = answerOf({ tenant, model: name, version }, artifact, 'registered');
  return { ...answer, revision, activated: model?.traffic.stable === version, ...faultsOf(record) };
}

function faultsOf({ strikes, quarantine }: VersionRecord): object {
  return { strikes, ...(quarantine === undefined ? {} : { quarantine }) };
}

async function getArtifact(deps: RouteDeps, id: VersionId, reply: FastifyReply): Promise<FastifyReply> {
  const record = await deps.registry.version(id.tenant, id.model, id.version);
  if (record === undefined) throw await missing(deps, id);
  const { digest, bytes } = record.artifact;
  const stored = await deps.sources.artifacts.stat(digest);
  // Read whole before the first byte leaves: what is not as it was registered must not be given out as if it were.
  const isSound = stored !== undefined && (await deps.sources.artifacts.holds(digest));
  const chunks = isSound ? await deps.sources.artifacts.stream(digest) : undefined;
  if (chunks === undefined) {
    const found = stored === undefined ? 'missing' : 'corrupt';
    const message = `artifact ${digest} is ${found} in the store; pushing its version again repairs it`;
    throw new ShoalError('STORE_UNAVAILABLE', message);
  }
  return reply
    .header('content-length', bytes)
    .header('etag', `"${digest}"`)
    .type('application/octet-stream')
    .send(Readable.from(chunks, { objectMode: false }));
}

function bulk(deps: RouteDeps, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-ndjson') {
    throw new ShoalError('UNSUPPORTED_MEDIA_TYPE', 'content-type must be application/x-ndjson');
  }
  const answers = bulkRegister(deps, {
    open: (options) => decodedChunks(request.raw, request.body as Readable, options),
    dryRun: flag(request, 'dryRun'),
    requestId: request.id,
  });
  // A body that broke off or was refused in the middle is not read to its end.
  reply.raw.on('finish', () => discardBody(request.raw));
  // The head leaves at once: a client may wait for it before it sends its first line.
  reply.raw.once('pipe', () => reply.raw.flushHeaders());
  return reply.type('application/x-ndjson').send(answers);
}

function answerOf(id: VersionId, artifact: AdmittedArtifact, status: 'registered' | 'unchanged'): object {
  const { digest, bytes, spec, resources, executor } = artifact;
  const { signature } = spec;
  return { ...id, digest, bytes, status, signature, ...executorAnswer(executor), resources };
}

function executorAnswer(choice: ExecutorChoice): object {
  const { executor } = choice;
  if (choice.executor === 'plan') return { executor, structureDigest: choice.structureDigest };
  return { executor, executorReason: choice.reason };
}

function versionId(request: FastifyRequest): VersionId {
  const { tenant, model, version } = request.params as Record<string, string>;
  return { tenant: checkTenant(tenant), model: checkModel(model), version: checkVersion(version) };
}

async function missing(deps: RouteDeps, { tenant, model, version }: VersionId): Promise<ShoalError> {
  if ((await deps.registry.tenant(tenant)) === undefined) {
    return new ShoalError('TENANT_NOT_FOUND', `there is no tenant ${quote(tenant)}`);
  }
  if ((await deps.registry.model(tenant, model)) === undefined) {
    return new ShoalError('MODEL_NOT_FOUND', `there is no model ${tenant}/${model}`);
  }
  return new ShoalError('VERSION_NOT_FOUND', `${tenant}/${model} has no version ${quote(version)}`);
}
