import { ShoalClient } from './client.ts';
import { EXIT } from './exit.ts';
import { formatBytes, print, table } from './output.ts';

interface ModelAnswer {
  model: string;
  traffic: Record<string, unknown>;
  versions: unknown[];
  quarantined: { version: string; reason: string; since: string }[];
}

/** `shoal models [TENANT[/MODEL]]`: tenants, a tenant's models, or one model with its versions. */
export async function models(
  target: string | undefined,
  options: { server: string; json: boolean },
): Promise<number> {
  const client = new ShoalClient(options.server);
  try {
    const [tenant, model] = (target ?? '').split('/') as [string, string?];
    if (model !== undefined) await showModel(client, tenant, model, options.json);
    else if (tenant !== '') await showTenant(client, tenant, options.json);
    else await showTenants(client, options.json);
    return EXIT.ok;
  } finally {
    await client.close();
  }
}

async function showTenants(client: ShoalClient, json: boolean): Promise<void> {
  const rows: string[][] = [];
  for await (const item of client.list<{ tenant: string; revision: number }>('/v1/tenants', 'tenants')) {
    if (json) print(JSON.stringify(item));
    else rows.push([item.tenant, String(item.revision)]);
  }
  if (!json) print(table(['tenant', 'revision'], rows));
}

async function showTenant(client: ShoalClient, tenant: string, json: boolean): Promise<void> {
  const path = `/v1/tenants/${encodeURIComponent(tenant)}/models`;
  const rows: string[][] = [];
  for await (const item of client.list<{ model: string; stable: string | null; versions: number }>(
    path,
    'models',
  )) {
    if (json) print(JSON.stringify(item));
    else rows.push([item.model, item.stable ?? '-', String(item.versions)]);
  }
  if (!json) print(table(['model', 'stable', 'versions'], rows));
}

async function showModel(client: ShoalClient, tenant: string, model: string, json: boolean): Promise<void> {
  const path = `/v1/tenants/${encodeURIComponent(tenant)}/models/${encodeURIComponent(model)}`;
  const { body } = await client.get<ModelAnswer>(path);
  if (json) return print(JSON.stringify(body));
  const versions = body.versions.map((version) =>
    typeof version === 'string' ? version : (version as { version: string }).version,
  );
  const rows = await Promise.all(
    versions.map(async (version) => {
      const record = await client.get<{
        bytes: number;
        digest: string;
        resources: { residentBytes: number; loadMs: number; runMs: number };
      }>(`${path}/versions/${encodeURIComponent(version)}`);
      const { bytes, digest, resources } = record.body;
      const { residentBytes, loadMs, runMs } = resources;
      return [
        version,
        formatBytes(bytes),
        formatBytes(residentBytes),
        `${loadMs.toFixed(1)} ms`,
        `${runMs.toFixed(2)} ms`,
        digest.slice(0, 19),
      ];
    }),
  );
  print(`traffic ${JSON.stringify(body.traffic)}`);
  for (const { version, reason, since } of body.quarantined) {
    print(`version ${version} is in quarantine since ${since}: it ${reason}`);
  }
  print(table(['version', 'artifact', 'resident', 'load', 'run', 'digest'], rows));
}
