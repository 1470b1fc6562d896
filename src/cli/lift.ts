import { ShoalClient } from './client.ts';
import { EXIT } from './exit.ts';
import { print } from './output.ts';

/** `shoal models lift TENANT/MODEL@VERSION`: serves a version again that crashed its workers. */
export async function lift(
  { tenant, model, version }: { tenant: string; model: string; version: string },
  options: { server: string; json: boolean },
): Promise<number> {
  const client = new ShoalClient(options.server);
  const [inTenant, inModel, last] = [tenant, model, version].map(encodeURIComponent);
  const path = `/v1/tenants/${inTenant}/models/${inModel}/versions/${last}`;
  try {
    const before = await client.get<{ quarantine?: { reason: string; since: string } }>(path);
    const { body } = await client.send('POST', `${path}:liftQuarantine`);
    if (options.json) print(JSON.stringify(body));
    else print(describe(`${tenant}/${model}@${version}`, before.body.quarantine));
    return EXIT.ok;
  } finally {
    await client.close();
  }
}

function describe(name: string, was: { reason: string; since: string } | undefined): string {
  if (was === undefined) return `${name} was in no quarantine; its strikes are forgotten`;
  return `${name} is served again; it was in quarantine since ${was.since}, as it ${was.reason}`;
}
