import { setTimeout as sleep } from 'node:timers/promises';
import { addingModel } from '../support/adding-model.ts';
import type { Rng } from '../../sim/workload/rng.ts';
import { type Calls, isHonest, type Reply } from './calls.ts';
import type { History, Registered } from './history.ts';

export interface RegistrarDeps {
  readonly history: History;
  readonly rng: Rng;
  /** Routers and managers: whoever is asked passes it on. */
  readonly entries: () => readonly Calls[];
  readonly onError: (code: string, what: string) => void;
}

const RETRY_MS = 200;
/** Versions of a model beyond which the oldest is deleted. */
const KEPT = 4;
const BULK_TENANTS = 3;

/**
 * Registers version after version and makes each stable, deletes old ones, and goes on with each until it is
 * acknowledged: what is not known to have been done is asked for again.
 */
export class Registrar {
  readonly #deps: RegistrarDeps;
  #number = 0;

  constructor(deps: RegistrarDeps) {
    this.#deps = deps;
  }

  /** The first version of each. */
  async begin(tenants: readonly string[], shardSize: number): Promise<void> {
    for (const tenant of tenants) {
      const settings = JSON.stringify({ shardSize });
      await this.#until((calls) => calls.send('PUT', `/v1/tenants/${tenant}`, settings));
      await this.#one(this.#next(tenant), () => false);
    }
  }

  /** One step: a registration, or several in bulk, and a deletion when there are many. */
  async step(isOver: () => boolean): Promise<void> {
    const { history, rng } = this.#deps;
    const { tenants } = history;
    if (rng.below(4) === 0) {
      const first = rng.below(tenants.length);
      const some = Array.from({ length: BULK_TENANTS }, (_, at) => tenants[(first + at) % tenants.length]);
      return this.#bulk(
        [...new Set(some)].map((tenant) => this.#next(tenant as string)),
        isOver,
      );
    }
    const tenant = tenants[rng.below(tenants.length)] as string;
    await this.#one(this.#next(tenant), isOver);
    const [oldest, ...others] = history.present(tenant);
    if (oldest !== undefined && others.length >= KEPT) await this.#delete({ tenant, number: oldest }, isOver);
  }

  #next(tenant: string): Registered {
    return { tenant, number: ++this.#number };
  }

  async #one(version: Registered, isOver: () => boolean): Promise<void> {
    const { history } = this.#deps;
    const path = `${pathOf(version)}?activate=true`;
    const artifact = addingModel(version.number);
    history.registering(version);
    const isDone = await this.#until(
      (calls) => calls.send('PUT', path, artifact, 'application/octet-stream'),
      isOver,
    );
    if (isDone) history.registered(version);
  }

  async #bulk(versions: readonly Registered[], isOver: () => boolean): Promise<void> {
    const { history } = this.#deps;
    for (const version of versions) history.registering(version);
    let left = versions;
    await this.#until(async (calls) => {
      const lines = left.map(({ tenant, number }) => {
        const base64 = Buffer.from(addingModel(number)).toString('base64');
        return JSON.stringify({
          tenant,
          model: 'm',
          version: `v${number}`,
          artifact: { base64 },
          activate: true,
        });
      });
      const body = `${lines.join('\n')}\n`;
      const reply = await calls.send('POST', '/v1/models:bulkRegister', body, 'application/x-ndjson');
      if (reply.status !== 200) return reply;
      const answers = reply.text
        .trim()
        .split('\n')
        .flatMap((line) => answerOf(line));
      const done = new Set(answers.filter(({ status }) => status !== 'rejected').map(({ line }) => line));
      for (const [index, version] of left.entries()) if (done.has(index + 1)) history.registered(version);
      const refused = answers.find(({ status, error }) => status === 'rejected' && error?.retryable !== true);
      if (refused !== undefined) return { ...reply, status: 400, text: JSON.stringify(refused) };
      left = left.filter((_, index) => !done.has(index + 1));
      // A stream that broke off, or lines that are to be tried again.
      return left.length === 0 ? reply : { ...reply, status: 0, code: 'PARTIAL' };
    }, isOver);
  }

  async #delete(version: Registered, isOver: () => boolean): Promise<void> {
    const { history } = this.#deps;
    history.deleting(version);
    const isDone = await this.#until(async (calls) => {
      const reply = await calls.send('DELETE', pathOf(version));
      // An earlier try did it.
      return reply.code === 'VERSION_NOT_FOUND' ? { ...reply, status: 200 } : reply;
    }, isOver);
    if (isDone) history.deleted(version);
  }

  /** False: it was over before. */
  async #until(
    action: (calls: Calls) => Promise<Reply>,
    isOver: () => boolean = () => false,
  ): Promise<boolean> {
    const { history, rng, entries, onError } = this.#deps;
    while (!isOver()) {
      const all = entries();
      const calls = all[rng.below(all.length)] as Calls;
      const reply = await action(calls);
      if (reply.status >= 200 && reply.status < 300) return true;
      onError(`change ${reply.status} ${reply.code}`, reply.text);
      if (!isHonest(reply)) {
        history.violations.push(`a change at ${calls.origin}: ${reply.status} ${reply.text}`);
        return false;
      }
      await sleep(RETRY_MS);
    }
    return false;
  }
}

function pathOf({ tenant, number }: Registered): string {
  return `/v1/tenants/${tenant}/models/m/versions/v${number}`;
}

interface LineAnswer {
  readonly line: number;
  readonly status: string;
  readonly error?: { readonly retryable: boolean };
}

/** The summary, and a line that broke off, are no answers. */
function answerOf(line: string): LineAnswer[] {
  try {
    const answer = JSON.parse(line) as Partial<LineAnswer>;
    return answer.line === undefined ? [] : [answer as LineAnswer];
  } catch {
    return [];
  }
}
