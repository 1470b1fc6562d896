import { Type } from 'typebox';
import { MODEL_PATTERN, TENANT_PATTERN } from '../core/ids.ts';
import { DATATYPES } from '../model/signature.ts';
import { PredictHeaders } from './v1-schemas.ts';

/** What the published description says of the Open Inference Protocol's routes; see v1-schemas.ts. */
const tags = ['open inference protocol'];

const Parameters = Type.Optional(Type.Record(Type.String(), Type.Unknown()));
const Tensor = Type.Object({
  name: Type.String(),
  datatype: Type.Union(DATATYPES.map((datatype) => Type.Literal(datatype))),
  shape: Type.Array(Type.Integer({ description: '-1 where a dimension is free (metadata only).' })),
  parameters: Parameters,
});
const TensorData = Type.Intersect([
  Tensor,
  Type.Object({ data: Type.Array(Type.Unknown(), { description: 'Flat, or nested in requests.' }) }),
]);

function params(versioned: boolean) {
  const name = Type.String({
    pattern: `^(${TENANT_PATTERN.slice(1, -1)}\\.)?${MODEL_PATTERN.slice(1)}`,
    description: "`{tenant}.{model}`; without a dot a model of the caller's own tenant.",
  });
  return versioned ? Type.Object({ name, version: Type.String() }) : Type.Object({ name });
}

/** OpenAPI wants operation ids to be unique. */
function id(operation: string, versioned: boolean): string {
  return versioned ? `${operation}OfVersion` : operation;
}

export const serverMetadataSchema = {
  summary: 'Server metadata',
  operationId: 'oipServerMetadata',
  tags,
  response: {
    200: Type.Object({
      name: Type.String(),
      version: Type.String(),
      extensions: Type.Array(Type.String()),
    }),
  },
};

export function healthSchema(what: 'live' | 'ready') {
  return {
    summary: what === 'live' ? 'The server turns' : 'The server can answer',
    operationId: what === 'live' ? 'oipLive' : 'oipReady',
    tags,
    response: { 200: Type.Object({ [what]: Type.Boolean() }) },
  };
}

export function modelMetadataSchema(versioned: boolean) {
  return {
    summary: 'Model metadata',
    operationId: id('oipModelMetadata', versioned),
    tags,
    params: params(versioned),
    response: {
      200: Type.Object({
        name: Type.String(),
        versions: Type.Array(Type.String()),
        platform: Type.String(),
        inputs: Type.Array(Tensor),
        outputs: Type.Array(Tensor),
      }),
    },
  };
}

export function modelReadySchema(versioned: boolean) {
  return {
    summary: 'The model can answer',
    operationId: id('oipModelReady', versioned),
    tags,
    params: params(versioned),
    response: { 200: Type.Object({ name: Type.String(), ready: Type.Boolean() }) },
  };
}

export function inferSchema(versioned: boolean) {
  return {
    summary: 'Infer',
    operationId: id('oipInfer', versioned),
    tags,
    params: params(versioned),
    headers: PredictHeaders,
    body: Type.Object({
      id: Type.Optional(Type.String()),
      parameters: Parameters,
      inputs: Type.Array(TensorData),
      outputs: Type.Optional(Type.Array(Type.Object({ name: Type.String(), parameters: Parameters }))),
    }),
    response: {
      200: Type.Object({
        model_name: Type.String(),
        model_version: Type.String(),
        id: Type.Optional(Type.String()),
        outputs: Type.Array(TensorData),
      }),
    },
  };
}
