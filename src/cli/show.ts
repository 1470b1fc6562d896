import { ShoalClient } from './client.ts';
import { EXIT } from './exit.ts';
import { formatBytes, print } from './output.ts';

interface VersionAnswer {
  version: string;
  digest: string;
  bytes: number;
  executor: 'plan' | 'onnx';
  executorReason?: string;
  structureDigest?: string;
  resources: { residentBytes: number; loadMs: number; runMs: number };
  activated: boolean;
  quarantine?: { reason: string; since: string };
}

/** `shoal models show TENANT/MODEL[@VERSION]`: what runs a model's versions and what they take. */
export async function show(
  name: { tenant: string; model: string; version?: string },
  options: { server: string; json: boolean },
): Promise<number> {
  const client = new ShoalClient(options.server);
  try {
    const path = `/v1/tenants/${encodeURIComponent(name.tenant)}/models/${encodeURIComponent(name.model)}`;
    const { body } = await client.get<{ versions: string[] }>(path);
    for (const version of name.version === undefined ? body.versions : [name.version]) {
      const answer = await client.get<VersionAnswer>(`${path}/versions/${encodeURIComponent(version)}`);
      print(options.json ? JSON.stringify(answer.body) : describe(name, answer.body));
    }
    return EXIT.ok;
  } finally {
    await client.close();
  }
}

function describe(name: { tenant: string; model: string }, answer: VersionAnswer): string {
  const { version, digest, bytes, resources, activated, quarantine } = answer;
  const { residentBytes, loadMs, runMs } = resources;
  const lines = [
    `${name.tenant}/${name.model}@${version}${activated ? ' (stable)' : ''}`,
    `  runs as   ${executorOf(answer)}`,
    `  artifact  ${formatBytes(bytes)}, ${digest}`,
    `  resident  ${formatBytes(residentBytes)}`,
    `  loads in  ${loadMs.toFixed(2)} ms, runs in ${runMs.toFixed(3)} ms (measured at registration)`,
  ];
  if (quarantine !== undefined)
    lines.push(`  in quarantine since ${quarantine.since}: it ${quarantine.reason}`);
  return lines.join('\n');
}

function executorOf({ executor, executorReason, structureDigest }: VersionAnswer): string {
  if (executor === 'plan') return `a plan of structure ${structureDigest}`;
  return `a session of ONNX Runtime: ${executorReason}`;
}
