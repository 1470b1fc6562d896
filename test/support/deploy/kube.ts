import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor';
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { Deployment, type IDeployment, type IStatefulSet, StatefulSet } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { PriorityClass } from 'kubernetes-models/scheduling.k8s.io/v1';
import { ConfigMap, Secret, Service, ServiceAccount } from 'kubernetes-models/v1';
import type { KubeObject } from './helm/chart.ts';

const operator = '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';

/** Every kind that the chart may make: who checks its schema, and where its type is. */
const KINDS = {
  'apps/v1/Deployment': [Deployment, 'kubernetes-models/apps/v1'],
  'apps/v1/StatefulSet': [StatefulSet, 'kubernetes-models/apps/v1'],
  'autoscaling/v2/HorizontalPodAutoscaler': [HorizontalPodAutoscaler, 'kubernetes-models/autoscaling/v2'],
  'monitoring.coreos.com/v1/PrometheusRule': [PrometheusRule, operator],
  'monitoring.coreos.com/v1/ServiceMonitor': [ServiceMonitor, operator],
  'networking.k8s.io/v1/NetworkPolicy': [NetworkPolicy, 'kubernetes-models/networking.k8s.io/v1'],
  'policy/v1/PodDisruptionBudget': [PodDisruptionBudget, 'kubernetes-models/policy/v1'],
  'scheduling.k8s.io/v1/PriorityClass': [PriorityClass, 'kubernetes-models/scheduling.k8s.io/v1'],
  'v1/ConfigMap': [ConfigMap, 'kubernetes-models/v1'],
  'v1/Secret': [Secret, 'kubernetes-models/v1'],
  'v1/Service': [Service, 'kubernetes-models/v1'],
  'v1/ServiceAccount': [ServiceAccount, 'kubernetes-models/v1'],
} as const;

function kindOf(object: KubeObject): (typeof KINDS)[keyof typeof KINDS] {
  const kind = KINDS[`${object.apiVersion}/${object.kind}` as keyof typeof KINDS];
  if (kind === undefined) throw new Error(`the tests know no schema for ${object.apiVersion} ${object.kind}`);
  return kind;
}

/** Throws where the object doesn't follow the schema of its kind: types, formats, what is required. */
export function checkSchema(object: KubeObject): void {
  const [Kind] = kindOf(object);
  try {
    new Kind(object as never).validate();
  } catch (error) {
    throw new Error(`${object.kind} ${object.metadata.name}: ${(error as Error).message}`, { cause: error });
  }
}

/** TypeScript that doesn't compile when one of them has a field that its kind doesn't know. */
export function asTypeScript(objects: readonly KubeObject[]): string {
  const lines = objects.map((object, index) => {
    const [, place] = kindOf(object);
    return `export const o${index}: import('${place}').I${object.kind} = ${JSON.stringify(object, null, 2)};`;
  });
  return lines.join('\n');
}

/** What runs pods. */
export type Workload = Required<Pick<IDeployment | IStatefulSet, 'metadata' | 'spec' | 'kind'>>;

export function workloadsOf(objects: readonly KubeObject[]): Workload[] {
  return objects.filter(
    ({ kind }) => kind === 'Deployment' || kind === 'StatefulSet',
  ) as unknown as Workload[];
}

export function podOf({ spec, metadata }: Workload) {
  const { template } = spec;
  const pod = template.spec;
  const [container, ...more] = pod?.containers ?? [];
  if (pod === undefined || container === undefined || more.length > 0)
    throw new Error(`${metadata.name} should have one container`);
  return { pod, container, labels: template.metadata?.labels ?? {} };
}

export function ofKind<T>(objects: readonly KubeObject[], kind: string): (T & KubeObject)[] {
  return objects.filter((object) => object.kind === kind) as (T & KubeObject)[];
}

export function selects(
  matchLabels: Record<string, string> | undefined,
  labels: Record<string, string>,
): boolean {
  const wanted = Object.entries(matchLabels ?? {});
  return wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value);
}
