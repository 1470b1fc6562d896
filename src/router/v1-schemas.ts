import { Type } from 'typebox';
import { MODEL_PATTERN, TENANT_PATTERN } from '../core/ids.ts';
import { ErrorBodySchema } from '../http/error-schema.ts';

/**
 * What the published description says of the router's /v1 routes. Bodies and answers are described here and
 * checked elsewhere: instances against the model's signature, answers by being built from it.
 */
const Tenant = Type.String({ pattern: TENANT_PATTERN });
const Model = Type.String({ pattern: MODEL_PATTERN });
const ModelParams = Type.Object({ tenant: Tenant, model: Model });

const Instances = Type.Array(
  Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Array(Type.Unknown())]),
  {
    minItems: 1,
    description: "Each an object of named features, or an array in the signature's order.",
    examples: [
      [
        { age: 41, plan: 'pro' },
        { age: 23, plan: 'free' },
      ],
    ],
  },
);

const Predictions = Type.Array(Type.Record(Type.String(), Type.Unknown()), {
  description:
    'One an instance: every output under its ONNX name, and `label` and `probabilities` for a classifier.',
});

export const PredictHeaders = Type.Object({
  'x-request-timeout-ms': Type.Optional(
    Type.Integer({ minimum: 1, maximum: 60_000, description: 'Deadline of the request; 5000 by default.' }),
  ),
  'x-routing-key': Type.Optional(
    Type.String({ description: 'Requests with the same key get the same version while traffic stays.' }),
  ),
});

const tags = ['prediction'];

export const predictSchema = {
  summary: 'Predict with one model',
  operationId: 'predict',
  tags,
  params: ModelParams,
  headers: PredictHeaders,
  querystring: Type.Object({
    version: Type.Optional(
      Type.String({ description: "A version's name, `stable` or `canary`; else as the traffic says." }),
    ),
  }),
  body: Type.Object({ instances: Instances }),
  response: {
    200: Type.Object({
      predictions: Predictions,
      model: Type.String({ examples: ['acme/churn'] }),
      version: Type.String(),
      requestId: Type.String(),
    }),
  },
};

export const predictManySchema = {
  summary: 'Predict with several models of a tenant at once',
  operationId: 'predictMany',
  tags,
  params: Type.Object({ tenant: Tenant }),
  headers: PredictHeaders,
  body: Type.Object({
    models: Type.Array(
      Type.Union([Model, Type.Object({ model: Model, version: Type.Optional(Type.String()) })]),
      { minItems: 1, examples: [['churn', { model: 'ltv', version: '3' }]] },
    ),
    instances: Instances,
  }),
  response: {
    200: Type.Object({
      results: Type.Array(
        Type.Object({
          model: Type.String(),
          version: Type.Optional(Type.String()),
          predictions: Type.Optional(Predictions),
          error: Type.Optional(ErrorBodySchema),
        }),
      ),
      requestId: Type.String(),
    }),
  },
};

export const workersSchema = {
  summary: 'The live workers and what they hold',
  operationId: 'listWorkers',
  tags: ['operations'],
  response: {
    200: Type.Object({
      workers: Type.Array(
        Type.Object({
          id: Type.String(),
          address: Type.String(),
          zone: Type.String(),
          weight: Type.Number(),
          state: Type.String({
            description:
              '`ready`, `draining`, or `unreachable`: then its numbers are those that it last announced.',
          }),
          standing: Type.String({
            description:
              'As this router sees it: `connected`; `silent`, giving no sign of life; `ejected`, passed over for failures, then on `probation`; `draining`, taking no more requests; `away`, without a connection.',
          }),
          inFlight: Type.Integer({ description: 'Sent by this router and not answered.' }),
          pid: Type.Optional(Type.Integer()),
          lanes: Type.Optional(Type.Integer()),
          budgetBytes: Type.Optional(Type.Integer()),
          residentBytes: Type.Optional(Type.Integer()),
          residentModels: Type.Optional(Type.Integer()),
          queuedRequests: Type.Optional(Type.Integer()),
          queueDelayUs: Type.Optional(Type.Integer()),
          rssBytes: Type.Optional(Type.Integer()),
        }),
      ),
    }),
  },
};

const Time = Type.String({ format: 'date-time' });

const VersionLife = Type.Object({
  version: Type.String(),
  digest: Type.String({ description: 'Of the prepared artifact.' }),
  state: Type.String({ description: '`waiting`, `loading`, `resident`, `leaving` or `gone`.' }),
  residentBytes: Type.Number(),
  uses: Type.Integer({ description: 'Requests since it was loaded.' }),
  loadMs: Type.Optional(Type.Number()),
  loadedAt: Type.Optional(Time),
  lastUsedAt: Type.Optional(Time),
  pinnedUntil: Type.Optional(Time),
  eviction: Type.Optional(
    Type.Object({
      at: Time,
      reason: Type.String({
        description:
          '`room`: a load needed it; `excess`: so it did, for the process takes more memory than its models are counted for; `idle`: nobody asked for it.',
      }),
      for: Type.Optional(
        Type.String({ description: 'The model that needed the room, when it is of the same tenant.' }),
      ),
      forBytes: Type.Optional(Type.Number()),
    }),
  ),
  advice: Type.String({ description: 'What it would take to stay, in words.' }),
});

export const placementSchema = {
  summary: 'Where a model may run, where it is resident now, and why',
  operationId: 'getPlacement',
  tags: ['operations'],
  params: ModelParams,
  response: {
    200: Type.Object({
      tenant: Type.String(),
      model: Type.String(),
      shardSize: Type.Integer(),
      workers: Type.Integer({ description: 'Live workers that the shard was chosen from.' }),
      shard: Type.Array(
        Type.Object({
          worker: Type.String(),
          zone: Type.String(),
          rank: Type.Integer(),
          reason: Type.String(),
          resident: Type.Union([Type.Boolean(), Type.Null()], {
            description: 'null: the worker did not tell in time.',
          }),
          versions: Type.Array(Type.String(), { description: 'The versions that are resident there.' }),
          history: Type.Array(VersionLife, {
            description: 'What happened to its versions there lately, as far as the worker remembers.',
          }),
        }),
      ),
    }),
  },
};
