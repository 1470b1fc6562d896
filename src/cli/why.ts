import { ShoalClient } from './client.ts';
import { EXIT } from './exit.ts';
import { formatBytes, print } from './output.ts';

interface VersionLife {
  version: string;
  state: string;
  residentBytes: number;
  uses: number;
  loadMs?: number;
  loadedAt?: string;
  lastUsedAt?: string;
  eviction?: { at: string; reason: string; for?: string; forBytes?: number };
  advice: string;
}

interface Placement {
  tenant: string;
  model: string;
  shard: { worker: string; resident: boolean | null; history: VersionLife[] }[];
}

/** `shoal models why TENANT/MODEL`: what each worker of the shard remembers of it, and what would keep it there. */
export async function why(
  name: { tenant: string; model: string; version?: string },
  options: { server: string; json: boolean },
): Promise<number> {
  const client = new ShoalClient(options.server);
  try {
    const path = [name.tenant, name.model].map(encodeURIComponent).join('/models/');
    const { body } = await client.get<Placement>(`/v1/tenants/${path}/placement`);
    const shard = body.shard.map((copy) => ({
      ...copy,
      history: copy.history.filter(({ version }) => name.version === undefined || version === name.version),
    }));
    if (options.json) print(JSON.stringify({ tenant: body.tenant, model: body.model, shard }));
    else print(shard.map(describe).join('\n'));
    return EXIT.ok;
  } finally {
    await client.close();
  }
}

function describe({ worker, resident, history }: Placement['shard'][number]): string {
  if (resident === null) return `${worker}: did not answer in time`;
  if (history.length === 0) return `${worker}: never loaded there since it started, or forgotten`;
  return [`${worker}:`, ...history.flatMap(lines)].join('\n');
}

function lines(life: VersionLife): string[] {
  const { version, state, residentBytes, uses, loadMs, loadedAt, lastUsedAt, eviction } = life;
  const facts = [
    formatBytes(residentBytes),
    ...(loadedAt === undefined ? [] : [`loaded ${loadedAt} in ${loadMs?.toFixed(1)} ms`]),
    `${uses} ${uses === 1 ? 'request' : 'requests'} since${lastUsedAt === undefined ? '' : `, the last ${lastUsedAt}`}`,
  ];
  const out = [`  version ${version}: ${state}; ${facts.join('; ')}`];
  if (eviction !== undefined) {
    const { at, reason, for: displacer, forBytes } = eviction;
    const model = displacer === undefined ? 'a model' : displacer.slice(0, displacer.indexOf('@'));
    const cause = forBytes === undefined ? '' : ` for ${model} of ${formatBytes(forBytes)}`;
    out.push(`    evicted ${at}: ${reason}${cause}`);
  }
  return [...out, `    ${life.advice}`];
}
