import type { Rng } from '../../sim/workload/rng.ts';
import { addedIn } from '../support/adding-model.ts';
import { type Calls, isHonest } from './calls.ts';
import type { History } from './history.ts';

export interface PredictorDeps {
  readonly history: History;
  readonly rng: Rng;
  readonly now: () => number;
  /** Counts what was heard other than answers. */
  readonly onError: (code: string, what: string) => void;
}

const MAX_X = 1_000;

/** Asks one router for predictions, again and again, and tells the history what it answers. */
export class Predictor {
  readonly #deps: PredictorDeps;
  /** Failures since the last `takeFailures`. */
  #failures = 0;
  #answers = 0;

  constructor(deps: PredictorDeps) {
    this.#deps = deps;
  }

  takeCounts(): { readonly answers: number; readonly failures: number } {
    const counts = { answers: this.#answers, failures: this.#failures };
    this.#answers = this.#failures = 0;
    return counts;
  }

  /** `router`: the name of the process that is asked. */
  async ask(calls: Calls, router: string): Promise<void> {
    const { history, rng, now, onError } = this.#deps;
    const { tenants } = history;
    const tenant = tenants[rng.below(tenants.length)] as string;
    const x = rng.below(MAX_X);
    const sentAtMs = now();
    const body = JSON.stringify({ instances: [{ x }] });
    const reply = await calls.send('POST', `/v1/tenants/${tenant}/models/m:predict`, body);
    if (reply.status === 200) {
      this.#answers++;
      const { version } = JSON.parse(reply.text) as { version: string };
      const y = addedIn(reply.text);
      const worker = String(reply.headers['x-shoal-worker']);
      history.answered({ tenant, router, worker, version, x, y, sentAtMs });
      return;
    }
    this.#failures++;
    onError(`predict ${reply.status} ${reply.code}`, `${tenant} at ${router}: ${reply.text}`);
    if (!isHonest(reply))
      history.violations.push(`a prediction of ${tenant} at ${router}: ${reply.status} ${reply.text}`);
  }
}
