import { ShoalClient } from './client.ts';
import { CliError, EXIT } from './exit.ts';
import { print } from './output.ts';

export interface TrafficOptions {
  readonly server: string;
  readonly json: boolean;
  readonly stable?: string;
  /** VERSION:PERCENT, or `none`. */
  readonly canary?: string;
  readonly shadow?: string;
}

type Share = { version: string; percent: number };
interface TrafficAnswer {
  stable?: string;
  canary?: Share;
  shadow?: Share;
  revision: number;
}

/** `shoal traffic`: shows a model's traffic, or changes the parts that are named and leaves the rest. */
export async function traffic(
  name: { tenant: string; model: string },
  options: TrafficOptions,
): Promise<number> {
  const client = new ShoalClient(options.server);
  const path = `/v1/tenants/${encodeURIComponent(name.tenant)}/models/${encodeURIComponent(name.model)}/traffic`;
  try {
    const { body, headers } = await client.get<TrafficAnswer>(path);
    const isChange = options.stable ?? options.canary ?? options.shadow;
    // Guarded by the revision that was read, so that two people can't undo each other's change unseen.
    const answer =
      isChange === undefined
        ? body
        : (
            await client.send<TrafficAnswer>('PUT', path, JSON.stringify(changed(body, options)), {
              'if-match': etag(headers['etag'], body),
            })
          ).body;
    print(options.json ? JSON.stringify(answer) : describe(answer));
    return EXIT.ok;
  } finally {
    await client.close();
  }
}

function etag(header: string | string[] | undefined, body: TrafficAnswer): string {
  return typeof header === 'string' ? header : `"${body.revision}"`;
}

function changed(now: TrafficAnswer, options: TrafficOptions): object {
  const next: { stable?: string; canary?: Share; shadow?: Share } = {};
  const stable = options.stable ?? now.stable;
  const canary = options.canary === undefined ? now.canary : share('canary', options.canary);
  const shadow = options.shadow === undefined ? now.shadow : share('shadow', options.shadow);
  if (stable !== undefined) next.stable = stable;
  if (canary !== undefined) next.canary = canary;
  if (shadow !== undefined) next.shadow = shadow;
  return next;
}

function share(role: string, text: string): Share | undefined {
  if (text === 'none') return undefined;
  const match = /^([^:]+):(\d+(?:\.\d+)?)%?$/.exec(text);
  if (match === null)
    throw new CliError(`--${role} takes VERSION:PERCENT or none, got ${JSON.stringify(text)}`, EXIT.usage);
  return { version: match[1] as string, percent: Number(match[2]) };
}

function describe(answer: TrafficAnswer): string {
  const show = (share: Share | undefined): string =>
    share === undefined ? '-' : `${share.version} (${share.percent} %)`;
  return `stable ${answer.stable ?? '-'}   canary ${show(answer.canary)}   shadow ${show(answer.shadow)}   revision ${answer.revision}`;
}
