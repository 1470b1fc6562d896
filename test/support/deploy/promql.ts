import { parser } from '@prometheus-io/lezer-promql';

export interface Query {
  readonly metrics: ReadonlySet<string>;
  /** Names of labels that it matches or groups by, with the values of `=` matchers. */
  readonly labels: readonly {
    readonly name: string;
    readonly metric: string | undefined;
    readonly value?: string;
  }[];
}

/** Reads PromQL by Prometheus' own grammar; throws where it isn't any. Grafana's variables are filled in first. */
export function readQuery(text: string): Query {
  const source = text.replaceAll(/\$__(rate_interval|interval|range)/g, '5m');
  const metrics = new Set<string>();
  const labels: { name: string; metric: string | undefined; value?: string }[] = [];
  let metric: string | undefined;
  parser.parse(source).iterate({
    enter(node) {
      const part = source.slice(node.from, node.to);
      if (node.type.isError)
        throw new Error(`not PromQL at ${JSON.stringify(source.slice(node.from))}: ${text}`);
      if (node.name === 'VectorSelector') {
        metric = /^[\w:]+/.exec(part)?.[0];
        if (metric === undefined) throw new Error(`a selector without a metric's name: ${text}`);
        metrics.add(metric);
      }
      if (node.name === 'UnquotedLabelMatcher') {
        const [, name = '', operator, value = ''] = /^(\w+)\s*(=~|!=|!~|=)\s*"(.*)"$/.exec(part) ?? [];
        labels.push({ name, metric, ...(operator === '=' ? { value } : {}) });
      }
      if (node.name === 'LabelName' && node.node.parent?.name === 'GroupingLabels')
        labels.push({ name: part, metric: undefined });
    },
  });
  return { metrics, labels };
}
