import { EvictionOrder, MISS_US } from '../../src/core/eviction-order.ts';
import { AgedLfu } from './orders/aged-lfu.ts';
import { Belady } from './orders/belady.ts';
import { Gdsf } from './orders/gdsf.ts';
import { Lru } from './orders/lru.ts';
import { S3Fifo } from './orders/s3-fifo.ts';
import { WTinyLfu } from './orders/w-tiny-lfu.ts';
import type { Order } from './simulate.ts';
import type { Trace, TraceModel } from './traces.ts';

/** What a miss costs in the eyes of those that weigh it. */
const missUs = ({ loadUs }: TraceModel): number => MISS_US + loadUs;

/** By name, the last two knowing the future. */
export const POLICIES: Readonly<Record<string, (trace: Trace) => Order>> = {
  LRU: () => new Lru(),
  'S3-FIFO': () => new S3Fifo(),
  'W-TinyLFU': () => new WTinyLfu(),
  'aged LFU': () => new AgedLfu(),
  GDSF: () => new Gdsf(missUs),
  Shoal: () => new EvictionOrder<TraceModel>(),
  Belady: (trace) => new Belady(trace),
  'Belady, weighed': (trace) => new Belady(trace, missUs),
};
