import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errorBody, ShoalError } from '../core/errors.ts';
import { checkModel } from '../core/ids.ts';
import type { Limits } from '../core/limits.ts';
import { encodeInstances } from '../model/instances.ts';
import { describeJson, type JsonValue } from '../model/json.ts';
import { predictionsJson } from '../model/predictions.ts';
import { Caller } from './caller.ts';
import { findTenant, type Prediction, predict, type Resolved, resolve, type Target } from './predict.ts';
import {
  pinnedVersion,
  predictionHeaders,
  type RequestOptions,
  requestOptions,
  sendJson,
  watchCaller,
} from './request-options.ts';
import { type ModelName, shedding } from './shed.ts';
import { predictManySchema, predictSchema } from './v1-schemas.ts';
import type { RouterDeps } from './server.ts';

interface Done {
  readonly resolved: Resolved;
  readonly prediction: Prediction;
  readonly predictionsJson: string;
}

interface WantedModel {
  readonly model: string;
  readonly version?: string;
}

/** What is left of a request's bytes, which all of its models share. */
type BytesLeft = { -readonly [K in 'inputBytes' | 'answerBytes']: Limits[K] };

/** Models of one request under way at once: each holds tensors. */
const MODELS_AT_ONCE = 4;

/** Instances are checked against the model's signature, which no fixed schema can do. */
const uncheckedBody = { validatorCompiler: () => () => true };

/** A colon inside a parameter's pattern would swallow the verb. */
const TENANT = ':tenant(^[^:]+)';
const MODEL = ':model(^[^:]+)';

export function v1Routes(app: FastifyInstance, deps: RouterDeps): void {
  app.post(
    `/v1/tenants/${TENANT}/models/${MODEL}::predict`,
    {
      schema: predictSchema,
      config: { access: 'predict' },
      onRequest: shedding(deps, ({ params }) => params as ModelName),
      ...uncheckedBody,
    },
    (request, reply) => predictOne(deps, request, reply),
  );
  app.post(
    `/v1/tenants/${TENANT}::predict`,
    {
      schema: predictManySchema,
      config: { access: 'predict' },
      onRequest: shedding(deps, ({ params }) => params as ModelName),
      ...uncheckedBody,
    },
    (request, reply) => predictMany(deps, request, reply),
  );
}

async function predictOne(
  deps: RouterDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const options = requestOptions(request, deps.limits, deps.now());
  const { tenant, model } = request.params as { tenant: string; model: string };
  const target = { tenant, model, version: pinnedVersion(request), routingKey: options.routingKey };
  const { instances } = bodyOf(request);
  const caller = new Caller();
  watchCaller(reply, caller);
  const left = { ...deps.limits };
  const { resolved, prediction, predictionsJson } = await run(deps, target, instances, options, caller, left);
  predictionHeaders(reply, resolved, prediction);
  const { version } = resolved.version;
  return sendJson(
    reply,
    `{"predictions":${predictionsJson},"model":"${tenant}/${model}","version":"${version}","requestId":${JSON.stringify(request.id)}}`,
  );
}

async function run(
  deps: RouterDeps,
  target: Target,
  instances: unknown,
  { deadlineAtMs }: RequestOptions,
  caller: Caller,
  left: BytesLeft,
): Promise<Done> {
  const resolved = resolve(deps, target);
  const { spec } = resolved.version;
  const { inputBytes } = left;
  const { tensors, rows, partRows } = encodeInstances(spec, instances, { ...deps.limits, inputBytes });
  for (const { data } of tensors) left.inputBytes -= data.byteLength;
  const prediction = await predict(deps, resolved, { tensors, partRows, deadlineAtMs }, caller);
  const json = predictionsJson(spec, prediction.outputs, rows, left);
  left.answerBytes -= json.length;
  return { resolved, prediction, predictionsJson: json };
}

/** Several models on the same instances; each succeeds or fails for itself. */
async function predictMany(
  deps: RouterDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const options = requestOptions(request, deps.limits, deps.now());
  const { tenant } = request.params as { tenant: string };
  findTenant(deps.table, tenant);
  const { instances, models, entities } = bodyOf(request);
  if (entities !== undefined) {
    throw new ShoalError('INVALID_REQUEST', '/entities: this server has no feature store, give instances');
  }
  const wanted = wantedModels(models, deps.limits.modelsPerRequest);
  const callers = wanted.map(() => new Caller());
  const all = new Caller();
  all.onGone = () => {
    for (const caller of callers) caller.leave();
  };
  watchCaller(reply, all);
  const left = { ...deps.limits };
  const runModel = async ({ model, version }: WantedModel, index: number): Promise<string> => {
    const target = { tenant, model, version, routingKey: options.routingKey };
    try {
      const done = await run(deps, target, instances, options, callers[index] as Caller, left);
      const name = `"model":"${model}","version":"${done.resolved.version.version}"`;
      return `{${name},"predictions":${done.predictionsJson}}`;
    } catch (error) {
      return failureJson(error, request, model, version);
    }
  };
  const results = await fewAtOnce(wanted, runModel);
  return sendJson(reply, `{"results":[${results.join(',')}],"requestId":${JSON.stringify(request.id)}}`);
}

/** Other requests get their turn between two models. */
async function fewAtOnce<T, R>(
  items: readonly T[],
  act: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const entries = items.entries();
  const takeNext = async (): Promise<void> => {
    for (const [index, item] of entries) {
      if (index > 0) await setImmediate();
      results[index] = await act(item, index);
    }
  };
  await Promise.all(Array.from({ length: MODELS_AT_ONCE }, takeNext));
  return results;
}

function failureJson(
  error: unknown,
  request: FastifyRequest,
  model: string,
  version: string | undefined,
): string {
  let shown = error;
  if (!(shown instanceof ShoalError)) {
    request.log.error({ err: error, requestId: request.id, model }, 'internal error');
    shown = new ShoalError('INTERNAL', 'an internal error happened; its log line carries this request id');
  }
  return JSON.stringify({
    model,
    ...(version === undefined ? {} : { version }),
    error: errorBody(shown as ShoalError, request.id),
  });
}

function wantedModels(models: JsonValue | undefined, most: number): WantedModel[] {
  if (!Array.isArray(models) || models.length === 0 || models.length > most) {
    const came = Array.isArray(models) ? `${models.length}` : describeJson(models);
    throw new ShoalError('INVALID_REQUEST', `/models: expected a list of 1 to ${most} models, got ${came}`);
  }
  return models.map((wanted, index) => {
    if (typeof wanted === 'string') return { model: checkModel(wanted) };
    if (wanted !== null && typeof wanted === 'object' && !Array.isArray(wanted)) {
      const { model, version } = wanted;
      if (version === undefined) return { model: checkModel(model) };
      if (typeof version === 'string') return { model: checkModel(model), version };
    }
    throw new ShoalError(
      'INVALID_REQUEST',
      `/models/${index}: expected a model's name or {"model", "version"?} of strings, got ${describeJson(wanted)}`,
    );
  });
}

function bodyOf(request: FastifyRequest): { [key: string]: JsonValue } {
  const body = request.body as JsonValue | undefined;
  if (body !== null && typeof body === 'object' && !Array.isArray(body)) {
    if (body.instances !== undefined) return body;
    throw new ShoalError('INVALID_REQUEST', '/instances: expected a list of instances, got nothing');
  }
  throw new ShoalError(
    'INVALID_REQUEST',
    `the body must be an object with instances, got ${describeJson(body)}`,
  );
}
