import type { RetryBudget } from '../core/retry-budget.ts';
import type { Member } from '../stores/members/members.ts';
import type { AnswerFrame } from '../wire/frames.ts';
import type { Caller } from './caller.ts';
import { type Choice, type ChoiceDeps, chooseWorker, hasOther } from './choose-worker.ts';
import type { Fleet } from './fleet.ts';
import type { HotModels } from './hot-models.ts';
import type { RetryReason } from './metrics.ts';
import type { WorkerClient } from './worker-client.ts';
import type { Leaving, Outcome, WorkerRequest } from './worker-request.ts';

export interface TriesDeps extends ChoiceDeps {
  readonly fleet: Fleet;
  readonly hot: HotModels;
  readonly deathBudget: RetryBudget;
}

/** Nearly all requests are answered by the first worker: nothing is made for the others before it is needed. */
const NOBODY: ReadonlySet<WorkerClient> = new Set();

/** What is known of the tries of one request. */
export class Tries implements Choice, Leaving {
  readonly request: WorkerRequest;
  readonly caller: Caller;
  readonly orderNow: () => readonly Member[];
  /** Workers that refused it. One that died may be tried again: another process stands in its place. */
  refusedBy = NOBODY;
  /** The last one fell silent. */
  mustBeFresh = false;
  readonly #deps: TriesDeps;
  /** For every worker that died or fell silent while it had the request: whether its model was at work then. */
  #deaths: Promise<boolean>[] | undefined;
  /** Of those, how many are known to have had its model at work. */
  #knownAtWork = 0;
  /** Workers whose store failed it: their own fault if another one answers it, and no other's store fails. */
  #storeless: WorkerClient[] | undefined;

  constructor(deps: TriesDeps, orderNow: () => readonly Member[], request: WorkerRequest, caller: Caller) {
    this.#deps = deps;
    this.orderNow = orderNow;
    this.request = request;
    this.caller = caller;
  }

  get key(): string {
    return this.request.key;
  }

  /** Throws what `orderNow` throws. */
  next(): WorkerClient | undefined {
    return chooseWorker(this.#deps, this, this.orderNow());
  }

  /** Asked while its worker is silent. It stays when nobody else can have it: the worker may only be slow. */
  mayLeave(silent: WorkerClient): boolean {
    if (this.#knownAtWork > 0) return false;
    const { deathBudget, now } = this.#deps;
    let order: readonly Member[];
    try {
      order = this.orderNow();
    } catch {
      // The tries end with what the order says now, and say it themselves.
      return true;
    }
    return hasOther(this.#deps, this, order, silent) && deathBudget.tryRetry(now());
  }

  wentWell(frame: AnswerFrame): void {
    const { fleet, hot, now } = this.#deps;
    hot.answered(this.request, frame.queueUs, frame.runUs);
    if (this.#storeless === undefined || fleet.storeFailures.isShared(now())) return;
    for (const client of this.#storeless) client.health.failed(now());
  }

  /** What a failed try tells of its worker, for this request and for others. */
  failed(client: WorkerClient, outcome: Outcome, reason: RetryReason): void {
    const { fleet, hot, now } = this.#deps;
    const { kind } = outcome;
    this.mustBeFresh = kind === 'silent';
    if (kind === 'lost') {
      const { connectedAtMs } = outcome;
      const lost = { worker: client.member.id, connectedAtMs };
      this.#died(fleet.autopsies.wasAtWork(lost, this.key));
    } else if (kind === 'silent') {
      // Nobody can tell, and no third worker may fall silent for it. Known now, as it may leave only once.
      this.#knownAtWork++;
      this.#deaths = [...(this.#deaths ?? []), Promise.resolve(true)];
    } else if (reason !== 'not_sent') this.refusedBy = new Set([...this.refusedBy, client]);
    if (reason === 'store_unavailable') {
      fleet.storeFailures.failed(client.member.id, now());
      this.#storeless = [...(this.#storeless ?? []), client];
    }
    if (reason === 'overloaded') hot.refused(this.request, client.queueDelayMs(now()));
  }

  /**
   * Its model was at work in two workers when they died. After the first death the answer doesn't matter yet, unless
   * the model was at work in an earlier one: it may be in quarantine by the time of the answer.
   */
  async isSuspect(): Promise<boolean> {
    const { caller } = this;
    const deaths = this.#deaths ?? [];
    const mayWait = deaths.length > 1 || this.#deps.fleet.autopsies.tellsOf(this.key);
    if (!mayWait || caller.isGone) return false;
    const { promise: gone, resolve } = Promise.withResolvers<boolean[]>();
    caller.onGone = () => resolve([]);
    const verdicts = await Promise.race([Promise.all(deaths), gone]);
    caller.onGone = undefined;
    return verdicts.filter((wasAtWork) => wasAtWork).length > 1;
  }

  #died(wasAtWork: Promise<boolean>): void {
    const known = wasAtWork.then((was) => {
      if (was) this.#knownAtWork++;
      return was;
    });
    this.#deaths = [...(this.#deaths ?? []), known];
  }
}
