import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { request } from 'undici';
import type { Limits } from '../core/limits.ts';
import {
  type Announcement,
  MEMBER_RENEWALS,
  type MemberAnnouncer,
  type MemberLoad,
} from '../stores/members/members.ts';
import { LastingTrouble } from '../telemetry/lasting-trouble.ts';
import type { WorkerState } from '../wire/control.ts';

const NO_LOAD: MemberLoad = { residentBytes: 0, residentModels: 0, queuedRequests: 0, queueDelayUs: 0 };

/** What of an announcement doesn't change with the process that fills the place. */
export interface MemberPlace extends Omit<Announcement, 'address' | 'load'> {
  /** `http://host:port`, or `http://host` with the port that the worker listens on; absent: as it listens. */
  readonly advertise: string | undefined;
}

export interface MemberLeaseDeps {
  readonly members: MemberAnnouncer;
  readonly token: string;
  readonly limits: Pick<Limits, 'memberLeaseMs' | 'memberStateMs' | 'leaveMs'>;
  readonly logger: Logger;
}

/**
 * Keeps one worker a member for as long as its process answers: a process that is frozen is not announced, and its
 * lease ends. Registries that are away are told again and again; nothing here is fatal.
 */
export class MemberLease {
  readonly #place: MemberPlace;
  readonly #deps: MemberLeaseDeps;
  /** Of the process that is there now. */
  #over = new AbortController();
  #renewing: Promise<void> = Promise.resolve();
  readonly #trouble: LastingTrouble;
  /** Last announced. */
  #address: string | undefined;
  #isKnown = false;
  #left = false;

  constructor(place: MemberPlace, deps: MemberLeaseDeps) {
    this.#place = place;
    this.#deps = deps;
    this.#trouble = new LastingTrouble(deps.logger.child({ worker: place.id }));
  }

  /** It was announced; whether its lease still lasts is the registry's to say. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** A process is ready at this address; resolves when it was announced, or could not be at once. */
  async begin(listensAt: string): Promise<void> {
    this.end();
    if (this.#left) return;
    const over = new AbortController();
    this.#over = over;
    // What is on its way about the process before must not come after this.
    await this.#renewing;
    if (over.signal.aborted) return;
    const address = advertised(listensAt, this.#place.advertise);
    // The id belongs to one address at a time.
    if (address !== this.#address) await this.#leaveOnce();
    if (over.signal.aborted) return;
    // It has just said that it is there, and it has nothing to do yet.
    const said = this.#announce(address, NO_LOAD);
    this.#renewing = said.then((isSaid) => this.#renew(listensAt, address, isSaid, over.signal));
    await said;
  }

  /** The process is gone, or going. */
  end(): void {
    this.#over.abort();
  }

  /** Resolves when the registry knows; tries for `leaveMs`, and after that the lease ends by itself. */
  async leave(): Promise<void> {
    this.#left = true;
    this.end();
    await this.#renewing;
    const deadlineMs = performance.now() + this.#deps.limits.leaveMs;
    while (!(await this.#leaveOnce())) {
      const retryMs = this.#retryMs;
      if (performance.now() + retryMs > deadlineMs) return;
      await sleep(retryMs);
    }
  }

  async #leaveOnce(): Promise<boolean> {
    const { id } = this.#place;
    if (this.#address === undefined) return true;
    try {
      await this.#deps.members.leave({ id, address: this.#address });
      return true;
    } catch (error) {
      this.#deps.logger.warn({ err: error, worker: id }, 'a worker leaves and could not say so');
      return false;
    }
  }

  async #renew(listensAt: string, address: string, isSaid: boolean, over: AbortSignal): Promise<void> {
    let waitMs = isSaid ? this.#everyMs : this.#retryMs;
    for (;;) {
      await sleep(waitMs, undefined, { signal: over, ref: false }).catch(() => undefined);
      if (over.aborted) return;
      const startedAtMs = performance.now();
      const load = await this.#load(listensAt, over);
      if (over.aborted) return;
      const renewed = load !== undefined && (await this.#announce(address, load));
      waitMs = renewed ? Math.max(0, startedAtMs + this.#everyMs - performance.now()) : this.#retryMs;
    }
  }

  get #everyMs(): number {
    return this.#deps.limits.memberLeaseMs / MEMBER_RENEWALS;
  }

  /** Apart from the others, who may all have lost the same registry. */
  get #retryMs(): number {
    return (this.#everyMs / 4) * (0.5 + Math.random() / 2);
  }

  async #announce(address: string, load: MemberLoad): Promise<boolean> {
    const { id, zone, weight, lanes, budgetBytes } = this.#place;
    // Also when that fails: it may have been done nevertheless.
    this.#address = address;
    try {
      await this.#deps.members.announce({ id, address, zone, weight, lanes, budgetBytes, load });
    } catch (error) {
      this.#trouble.tell('a worker could not be announced', error);
      return false;
    }
    this.#trouble.over('a worker is announced again');
    this.#isKnown = true;
    return true;
  }

  /** Undefined: it doesn't answer. */
  async #load(listensAt: string, over: AbortSignal): Promise<MemberLoad | undefined> {
    const { token, limits } = this.#deps;
    const late = AbortSignal.timeout(limits.memberStateMs);
    try {
      const { statusCode, body } = await request(`${reachable(listensAt)}/state`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.any([late, over]),
      });
      const state = (await body.json()) as WorkerState;
      if (statusCode !== 200) throw new Error(`it answered with status ${statusCode}`);
      const { residentBytes, residentModels, queuedRequests, queueDelayUs } = state;
      return { residentBytes, residentModels, queuedRequests, queueDelayUs };
    } catch (error) {
      if (over.aborted) return undefined;
      const cause = late.aborted ? new Error(`no answer within ${limits.memberStateMs} ms`) : error;
      this.#trouble.tell('a worker does not tell its state and is not announced', cause);
      return undefined;
    }
  }
}

/** Where others reach what listens here. */
export function advertised(listensAt: string, advertise: string | undefined): string {
  if (advertise === undefined) return listensAt;
  const place = advertise.replace(/\/+$/, '');
  return /:\d+$/.test(place) ? place : `${place}:${/\d+$/.exec(listensAt)?.[0] ?? ''}`;
}

/** Where this machine itself reaches what listens on all of its addresses. */
export function reachable(listensAt: string): string {
  return listensAt.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}
