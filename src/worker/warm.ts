import { ShoalError } from '../core/errors.ts';
import type { WarmAnswer, WarmRequest } from '../wire/control.ts';
import type { Lease, Waiter } from './lease.ts';
import type { Pin } from './pins.ts';
import type { PlanDesk } from './plans/plan-desk.ts';
import type { Residency } from './residency.ts';

const NO_SPARE = new ShoalError('OVERLOADED', 'no memory is spare');

/** Loads a version that no request has asked for yet, and pins it when that is wanted. Rejects with a ShoalError. */
export async function warm(
  residency: Residency,
  request: WarmRequest,
  limits: { readonly warmMs: number },
  clock: () => number,
  plans?: Pick<PlanDesk, 'warm' | 'pinned'>,
): Promise<WarmAnswer> {
  const { key, residentBytes, ifSpare, pinMs } = request;
  const { pins } = residency.residents;
  const pinNow = (): Pin | undefined =>
    pinMs === undefined ? undefined : pins.pin(key, residentBytes, clock() + pinMs, clock());
  // Before the load too: what is loaded in vain may have cost others their place.
  const pin = pinNow();
  try {
    if (plans !== undefined && residency.copy(key) === undefined) {
      const plan = await plans.warm(request, ifSpare === true);
      if (plan === false) throw NO_SPARE;
      if (plan !== undefined) {
        pinNow();
        if (pinMs !== undefined) plans.pinned(plan);
        return { loaded: true };
      }
    }
    if (ifSpare === true && !residency.isResident(key) && !residency.hasSpare(residentBytes)) throw NO_SPARE;
    const lease = residency.lease(key, true) ?? (await load(residency, request, limits.warmMs, clock));
    try {
      pinNow();
    } finally {
      residency.release(lease);
    }
  } catch (error) {
    if (pin !== undefined) pins.unpin(key, pin);
    if (error === NO_SPARE) return { loaded: false };
    throw error;
  }
  return { loaded: true };
}

function load(
  residency: Residency,
  { key, residentBytes }: WarmRequest,
  warmMs: number,
  clock: () => number,
): Promise<Lease> {
  return new Promise((resolve, reject) => {
    const waiter: Waiter = {
      expiresAtMs: clock() + warmMs,
      background: true,
      loaded: (lease) => {
        clearTimeout(timer);
        resolve(lease);
      },
      failed: (error) => {
        clearTimeout(timer);
        reject(error);
      },
    };
    const timer = setTimeout(() => {
      residency.abandon(key, waiter);
      reject(new ShoalError('OVERLOADED', `the model was not loaded within ${warmMs} ms (limit warmMs)`));
    }, warmMs);
    residency.load(key, residentBytes, waiter);
  });
}
