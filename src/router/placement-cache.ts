import { modelOrder, tenantShard } from '../core/placement/placement.ts';
import type { Member } from '../stores/members/members.ts';
import type { TableModel } from './routing-table.ts';

/** Models whose order is kept; at 8 workers an order this is about 4 MB. */
const MAX_ORDERS = 20_000;

interface Known {
  readonly shardSize: number | undefined;
  readonly order: readonly Member[];
}

/**
 * The order of workers for the models that are asked for, computed once a model and membership. Forgets
 * everything when the membership changes and when it is full: an order is cheap to compute again.
 */
export class PlacementCache {
  readonly #orders = new Map<TableModel, Known>();
  #members: readonly Member[] = [];

  setMembers(members: readonly Member[]): void {
    this.#members = members;
    this.#orders.clear();
  }

  order(tenant: string, model: string, entry: TableModel, shardSize: number | undefined): readonly Member[] {
    const known = this.#orders.get(entry);
    if (known !== undefined && known.shardSize === shardSize) return known.order;
    if (this.#orders.size >= MAX_ORDERS) this.#orders.clear();
    const order = modelOrder(tenant, model, tenantShard(tenant, this.#members, shardSize));
    this.#orders.set(entry, { shardSize, order });
    return order;
  }
}
