import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ShoalError } from '../core/errors.ts';
import type { JsonValue } from '../model/json.ts';
import { decodeInferRequest, inferResponseJson, metadataJson } from '../model/oip.ts';
import { Caller } from './caller.ts';
import { findVersion, predict, resolve, type Target } from './predict.ts';
import { predictionHeaders, requestOptions, sendJson, watchCaller } from './request-options.ts';
import type { RouterDeps } from './server.ts';
import { shedding } from './shed.ts';
import {
  healthSchema,
  inferSchema,
  modelMetadataSchema,
  modelReadySchema,
  serverMetadataSchema,
} from './v2-schemas.ts';

/** Whose models a name without a dot means while nobody has to say who they are. */
const OPEN_TENANT = 'default';

const MODEL_PATHS = ['/v2/models/:name', '/v2/models/:name/versions/:version'];

/** Tensors are checked against the model's signature, and public clients send fields that no schema knows. */
const unchecked = { validatorCompiler: () => () => true };

/** The Open Inference Protocol over HTTP, JSON tensors: https://github.com/kserve/open-inference-protocol */
export function v2Routes(app: FastifyInstance, deps: RouterDeps): void {
  const open = { config: { access: 'public' } } as const;
  app.get('/v2', { ...open, schema: serverMetadataSchema }, (_request, reply) =>
    sendJson(reply, JSON.stringify({ name: 'shoal', version: deps.productVersion, extensions: [] })),
  );
  app.get('/v2/health/live', { ...open, schema: healthSchema('live') }, (_request, reply) =>
    sendJson(reply, '{"live":true}'),
  );
  app.get('/v2/health/ready', { ...open, schema: healthSchema('ready') }, (_request, reply) => {
    const reason = deps.notReady();
    if (reason !== undefined) throw new ShoalError('STARTING', reason);
    return sendJson(reply, '{"ready":true}');
  });
  for (const path of MODEL_PATHS) {
    const versioned = path.endsWith(':version');
    const read = { config: { access: 'read' }, ...unchecked } as const;
    app.get(path, { ...read, schema: modelMetadataSchema(versioned) }, (request, reply) =>
      metadata(deps, request, reply),
    );
    app.get(`${path}/ready`, { ...read, schema: modelReadySchema(versioned) }, (request, reply) =>
      ready(deps, request, reply),
    );
    app.post(
      `${path}/infer`,
      {
        schema: inferSchema(versioned),
        config: { access: 'predict', body: 'lenient-json' },
        onRequest: shedding(deps, namedModel),
        preParsing: refuseBinary,
        ...unchecked,
      },
      (request, reply) => infer(deps, request, reply),
    );
  }
}

/** Clients mark bytes after the JSON by saying where it ends; all of the body may be JSON all the same. */
async function refuseBinary({ headers }: FastifyRequest): Promise<void> {
  const jsonBytes = headers['inference-header-content-length'];
  if (jsonBytes === undefined || jsonBytes === headers['content-length']) return;
  throw new ShoalError(
    'INVALID_REQUEST',
    'this server does not take the binary tensor extension (inference-header-content-length): send the data of tensors as JSON',
  );
}

interface Named {
  readonly name: string;
  readonly tenant: string;
  readonly model: string;
  readonly version: string | undefined;
}

/** `{tenant}.{model}`: tenants have no dot in their names, models may. */
function namedModel(request: FastifyRequest): Named {
  const { name, version } = request.params as { name: string; version?: string };
  const dot = name.indexOf('.');
  const [tenant, model] = dot < 0 ? [OPEN_TENANT, name] : [name.slice(0, dot), name.slice(dot + 1)];
  return { name, tenant, model, version };
}

async function infer(deps: RouterDeps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { deadlineAtMs, routingKey } = requestOptions(request, deps.limits, deps.now());
  const { name, ...named } = namedModel(request);
  const resolved = resolve(deps, { ...named, routingKey });
  const { signature } = resolved.version.spec;
  const decoded = decodeInferRequest(signature, (request.body ?? null) as JsonValue, deps.limits);
  const caller = new Caller();
  watchCaller(reply, caller);
  const encoded = { tensors: decoded.tensors, partRows: 0, deadlineAtMs };
  const prediction = await predict(deps, resolved, encoded, caller);
  predictionHeaders(reply, resolved, prediction);
  return sendJson(
    reply,
    inferResponseJson(
      {
        modelName: name,
        modelVersion: resolved.version.version,
        id: decoded.id,
        signature,
        outputs: prediction.outputs,
        wanted: decoded.outputs,
      },
      deps.limits,
    ),
  );
}

function metadata(deps: RouterDeps, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { name, ...named } = namedModel(request);
  const { entry, version } = findVersion(deps, asDescribed(named));
  const versions = named.version === undefined ? entry.versions.map((one) => one.version) : [version.version];
  return sendJson(reply, metadataJson({ name, versions, signature: version.spec.signature }));
}

function ready(deps: RouterDeps, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { name, ...named } = namedModel(request);
  const { owner, entry } = resolve(deps, asDescribed(named));
  const order = deps.fleet.placement.order(named.tenant, named.model, entry, owner.shardSize);
  if (!order.some(({ id }) => deps.fleet.client(id)?.isConnected === true)) {
    throw new ShoalError(
      'NO_WORKER',
      `no worker of the shard of ${named.tenant}/${named.model} is connected`,
    );
  }
  return sendJson(reply, JSON.stringify({ name, ready: true }));
}

/** Without a version it is the stable one that a model is described by, never the canary by chance. */
function asDescribed({ tenant, model, version }: Omit<Named, 'name'>): Target {
  return { tenant, model, version: version ?? 'stable', routingKey: undefined };
}
