import type { Value } from './helm/functions.ts';

/** Values as people give them to the chart. */
export const VALUES: Readonly<Record<string, Value>> = {
  least: {
    token: { value: 'sixteen-characters' },
    registry: { url: 'redis://redis:6379' },
    artifacts: { url: 's3://models/shoal' },
  },
  // Everything that is off by default, and every list and map filled.
  everything: {
    image: { repository: 'registry.example/shoal', tag: '0.2.0' },
    imagePullSecrets: ['pull'],
    token: { existingSecret: 'fleet', key: 'secret' },
    registry: { existingSecret: 'redis', key: 'address' },
    artifacts: {
      url: 's3://models',
      endpoint: 'http://s3.storage:9000',
      pathStyle: true,
      existingSecret: 's3',
    },
    serviceAccount: { annotations: { 'example.com/role': 'models' } },
    limits: { leaveMs: '4000', leaderLeaseMs: '8000' },
    router: {
      processes: 4,
      service: { type: 'LoadBalancer', annotations: { 'example.com/internal': 'true' } },
      podAnnotations: { 'example.com/team': 'serving' },
      nodeSelector: { 'example.com/pool': 'front' },
      tolerations: [{ key: 'front', operator: 'Exists', effect: 'NoSchedule' }],
    },
    worker: {
      zones: ['eu-1a', 'eu-1b', 'no'],
      memory: '3GiB',
      idleTtl: '30m',
      autoscaling: { queueDelay: '20m', roomEvictions: '500m' },
      cache: { persistent: true, storageClass: 'fast' },
    },
    manager: { prefetch: true, allowRoots: ['s3://models/nightly/', 's3://others/'] },
    networkPolicy: {
      clients: [{ namespaceSelector: { matchLabels: { 'example.com/calls': 'shoal' } } }],
      redis: { ports: [6379, 26379], to: [{ ipBlock: { cidr: '10.1.0.0/16' } }] },
      objectStore: { ports: [9000], to: [{ ipBlock: { cidr: '10.2.0.0/16' } }] },
    },
    serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
    prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
    dashboards: { enabled: true },
  },
  // Everything off that can be.
  bare: {
    token: { value: 'sixteen-characters' },
    registry: { url: 'rediss://redis:6379' },
    artifacts: { url: 's3://models/shoal' },
    router: { replicas: 3, preStopSeconds: 0, autoscaling: { enabled: false } },
    worker: { replicas: 3, autoscaling: { enabled: false } },
    priorityClasses: { create: false },
    networkPolicy: { enabled: false },
  },
};
