import { Type } from 'typebox';
import { DIGEST_PATTERN, MODEL_PATTERN, TENANT_PATTERN, VERSION_PATTERN } from '../core/ids.ts';
import { ModelConfigSchema } from '../model/config.ts';
import { DATATYPES } from '../model/signature.ts';

/**
 * What the published description says of the manager's routes. Names, bodies and pages are checked where they
 * are read, each with a message of its own.
 */
const Tenant = Type.String({ pattern: TENANT_PATTERN });
const Model = Type.String({ pattern: MODEL_PATTERN });
const Version = Type.String({ pattern: VERSION_PATTERN });
const Digest = Type.String({ pattern: DIGEST_PATTERN });
const Revision = Type.Integer({ minimum: 1, description: "The registry's counter at the change." });

export const TenantParams = Type.Object({ tenant: Tenant });
export const ModelParams = Type.Object({ tenant: Tenant, model: Model });
export const VersionParams = Type.Object({ tenant: Tenant, model: Model, version: Version });

export const PageQuery = Type.Object({
  pageSize: Type.Optional(
    Type.Integer({ minimum: 1, default: 100, description: 'A page has 1000 at most.' }),
  ),
  pageToken: Type.Optional(Type.String({ description: '`nextPageToken` of the page before.' })),
});

const Flag = Type.Optional(Type.Boolean({ default: false }));

export const RegisterQuery = Type.Object({ activate: Flag });
export const BulkQuery = Type.Object({ dryRun: Flag });

const Tensor = {
  name: Type.String(),
  datatype: Type.Enum([...DATATYPES]),
  shape: Type.Array(Type.Integer(), { description: '-1: a free dimension.' }),
};

const Signature = Type.Object({
  inputs: Type.Array(Type.Object(Tensor)),
  outputs: Type.Array(
    Type.Object({
      ...Tensor,
      classLabels: Type.Optional(Type.Array(Type.Union([Type.String(), Type.Integer()]))),
      zipMap: Type.Optional(Type.Boolean()),
    }),
  ),
});

const Share = Type.Object({
  version: Version,
  percent: Type.Number({ minimum: 0, maximum: 100 }),
});

const traffic = {
  stable: Type.Optional(Version),
  canary: Type.Optional(Share),
  shadow: Type.Optional(Share),
};

export const TrafficBody = Type.Object(traffic, {
  additionalProperties: false,
  examples: [{ stable: '7', canary: { version: '8', percent: 5 } }],
});

export const TrafficHeaders = Type.Object({
  'if-match': Type.Optional(Type.String({ examples: ['"17"'], description: 'The revision that was seen.' })),
});

export const TrafficAnswer = Type.Object({ ...traffic, revision: Revision });

const quarantine = {
  reason: Type.String({ description: 'What it did.' }),
  since: Type.String({ format: 'date-time' }),
};

export const VersionAnswer = Type.Object({
  tenant: Tenant,
  model: Model,
  version: Version,
  digest: Digest,
  bytes: Type.Integer(),
  status: Type.Enum(['registered', 'unchanged']),
  signature: Signature,
  executor: Type.Enum(['plan', 'onnx'], {
    description: 'What runs it: a plan of a few kilobytes without a session, or ONNX Runtime.',
  }),
  executorReason: Type.Optional(Type.String({ description: 'Why it has no plan; with `onnx`.' })),
  structureDigest: Type.Optional(
    Type.String({ pattern: DIGEST_PATTERN, description: 'What its plan shares with others; with `plan`.' }),
  ),
  resources: Type.Object({
    residentBytes: Type.Integer(),
    loadMs: Type.Number(),
    runMs: Type.Number(),
  }),
  revision: Revision,
  activated: Type.Boolean(),
  strikes: Type.Integer({ description: 'Crashes of workers that it is blamed for lately.' }),
  quarantine: Type.Optional(
    Type.Object(quarantine, { description: 'There: it is not served (422 MODEL_QUARANTINED).' }),
  ),
});

export const ModelSettingsBody = Type.Object(
  {
    minCopies: Type.Integer({
      minimum: 0,
      description: "So many workers keep the stable version loaded; at most the tenant's shard size.",
    }),
  },
  { additionalProperties: false, examples: [{ minCopies: 1 }] },
);

export const ModelAnswer = Type.Object({
  tenant: Tenant,
  model: Model,
  traffic: TrafficBody,
  settings: ModelSettingsBody,
  versions: Type.Array(Version),
  quarantined: Type.Array(Type.Object({ version: Version, ...quarantine }), {
    description: 'Versions that are not served, since they crashed workers.',
  }),
  revision: Revision,
});

const Page = { nextPageToken: Type.Optional(Type.String()) };

export const ModelsAnswer = Type.Object({
  models: Type.Array(
    Type.Object({
      model: Model,
      stable: Type.Union([Version, Type.Null()]),
      versions: Type.Integer({ description: 'How many there are.' }),
    }),
  ),
  ...Page,
});

export const TenantSettingsBody = Type.Object(
  {
    shardSize: Type.Optional(
      Type.Integer({ minimum: 1, description: 'Workers that the tenant may use; 8 by default.' }),
    ),
    weight: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, description: 'Share under load; 1 by default.' }),
    ),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    quotas: Type.Optional(Type.Record(Type.String(), Type.Number({ minimum: 0 }))),
  },
  { additionalProperties: false },
);

export const TenantAnswer = Type.Object({
  tenant: Tenant,
  settings: TenantSettingsBody,
  revision: Revision,
});

export const TenantsAnswer = Type.Object({ tenants: Type.Array(TenantAnswer), ...Page });

export const DeletedAnswer = Type.Object({ revision: Revision });

const Artifact = Type.Object(
  {
    uri: Type.Optional(Type.String({ description: 'file:// under a root that the server allows.' })),
    base64: Type.Optional(Type.String()),
    digest: Type.Optional(Digest),
  },
  { description: 'A uri or base64; or a digest alone, of bytes that the store has.' },
);

/** Content by media type; the JSON form also stands for what a multipart form carries. */
export const RegisterBody = {
  content: {
    'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
    'multipart/form-data': {
      schema: {
        type: 'object',
        properties: { artifact: { type: 'string', format: 'binary' }, config: ModelConfigSchema },
      },
    },
    'application/json': {
      schema: Type.Object({
        artifact: Artifact,
        config: Type.Optional(ModelConfigSchema),
        activate: Type.Optional(Type.Boolean()),
      }),
    },
  },
};

export const BulkBody = {
  content: {
    'application/x-ndjson': {
      schema: {
        type: 'string',
        description:
          'A line: {"tenant","model","version","artifact":{"uri"|"base64"|"digest"},"config"?|"configRef"?,"activate"?}, or {"defineConfig":"name","config":{...}} for later lines.',
      },
    },
  },
};
