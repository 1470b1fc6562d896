import type { Calls } from './calls.ts';
import type { History } from './history.ts';
import type { World } from './world.ts';

/** What was acknowledged and isn't so, as every router tells once all is well. */
export async function unmet({ routers }: World, history: History): Promise<string[]> {
  const found = await Promise.all(routers.map(({ calls }) => unmetAt(calls, history)));
  return found.flat();
}

async function unmetAt(calls: Calls, history: History): Promise<string[]> {
  const differences: string[] = [];
  for (const tenant of history.tenants) {
    const path = `/v1/tenants/${tenant}/models/m`;
    for (const number of history.present(tenant)) {
      const predicted = await calls.send(
        'POST',
        `${path}:predict?version=v${number}`,
        '{"instances":[{"x":1}]}',
      );
      if (predicted.status !== 200)
        differences.push(`v${number} of ${tenant} was acknowledged and is not served: ${predicted.text}`);
      const known = await calls.send('GET', `${path}/versions/v${number}`);
      if (known.status !== 200)
        differences.push(`v${number} of ${tenant} was acknowledged and is not there: ${known.text}`);
    }
    for (const number of history.gone(tenant)) {
      const known = await calls.send('GET', `${path}/versions/v${number}`);
      if (known.code !== 'VERSION_NOT_FOUND')
        differences.push(`v${number} of ${tenant} was deleted and is there: ${known.status} ${known.text}`);
    }
    const model = await calls.send('GET', path);
    const stable = (JSON.parse(model.text) as { traffic?: { stable?: string } }).traffic?.stable;
    // The registration that was under way at the end may have come about.
    const number = Number(stable?.slice(1));
    if (!(number >= history.stable(tenant)))
      differences.push(
        `v${history.stable(tenant)} of ${tenant} was made stable, and ${stable} is: ${model.text}`,
      );
  }
  return differences;
}
