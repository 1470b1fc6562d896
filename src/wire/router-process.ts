import type { MetricObject } from 'prom-client';

/**
 * The process that shares a port among routers <-> one of those routers, over node:cluster's channel. A router asks
 * for everybody's metrics when it is scraped; `id` is its own count of such questions.
 */
export type RouterCommand =
  | { readonly type: 'stop' }
  | { readonly type: 'collect'; readonly id: number }
  /** The answer to `scrape`: all routers' metrics in Prometheus' text format. */
  | { readonly type: 'scraped'; readonly id: number; readonly text: string };

export type RouterMessage =
  /** It can't start, and ends. */
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'scrape'; readonly id: number }
  /** The answer to `collect`. */
  | { readonly type: 'metrics'; readonly id: number; readonly metrics: MetricObject[] };
