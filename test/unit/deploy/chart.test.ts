import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1';
import type { ISecret, IService } from 'kubernetes-models/v1';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { chartFile, type KubeObject, renderChart } from '../../support/deploy/helm/chart.ts';
import { commandHelp, misused } from '../../support/deploy/command-help.ts';
import { adapterRules } from '../../support/deploy/monitoring.ts';
import { asTypeScript, checkSchema, ofKind, podOf, selects, workloadsOf } from '../../support/deploy/kube.ts';
import { VALUES } from '../../support/deploy/values.ts';

/** The chart as `helm template` renders it, for several people's values. */
const RENDERED = Object.entries(VALUES).map(([name, values]) => [name, renderChart(values)] as const);
const named = (objects: readonly KubeObject[], kind: string) =>
  ofKind<object>(objects, kind).map(({ metadata }) => metadata.name);

for (const [name, objects] of RENDERED) {
  const workloads = workloadsOf(objects);

  describe(`the chart with ${name} values`, () => {
    it('makes objects that follow the schemas of their kinds, each once', () => {
      for (const object of objects) checkSchema(object);
      const ids = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
      assert.deepEqual(ids, [...new Set(ids)]);
      for (const { metadata } of objects) assert.ok(metadata.name.length <= 52, metadata.name);
    });

    it('runs as nobody, on a root that it can not write to, without a key to the cluster', () => {
      for (const workload of workloads) {
        const { pod, container } = podOf(workload);
        assert.equal(pod.automountServiceAccountToken, false);
        assert.equal(pod.securityContext?.runAsNonRoot, true);
        assert.equal(pod.securityContext?.seccompProfile?.type, 'RuntimeDefault');
        assert.deepEqual(container.securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        assert.ok(container.resources?.requests?.['cpu'], 'a request of cpu, which autoscaling divides by');
        assert.ok(
          container.resources?.limits?.['memory'],
          'a limit of memory, from which a worker takes its budget',
        );
        assert.ok(named(objects, 'ServiceAccount').includes(pod.serviceAccountName ?? ''));
      }
    });

    it('mounts what it declares, and writes where it mounts', () => {
      for (const workload of workloads) {
        const { pod, container } = podOf(workload);
        const claims =
          'volumeClaimTemplates' in workload.spec ? (workload.spec.volumeClaimTemplates ?? []) : [];
        const volumes = [
          ...(pod.volumes ?? []),
          ...claims.map(({ metadata }) => ({ name: metadata?.name ?? '' })),
        ];
        const mounts = container.volumeMounts ?? [];
        assert.deepEqual(
          mounts.map((mount) => mount.name).sort(),
          volumes.map((volume) => volume.name).sort(),
        );
        const places = mounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath);
        assert.ok(places.includes('/tmp'));
        const data = container.args?.find((arg) => arg.startsWith('--data='))?.slice('--data='.length);
        if (data !== undefined) assert.ok(places.includes(data), data);
      }
    });

    it('asks probes that the commands answer, on ports that the containers have', () => {
      for (const workload of workloads) {
        const { container } = podOf(workload);
        const ports = container.ports?.map((port) => port.name) ?? [];
        for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe])
          assert.ok(ports.includes(String(probe?.httpGet?.port)));
        assert.equal(container.livenessProbe?.httpGet?.path, '/livez');
        assert.equal(container.readinessProbe?.httpGet?.path, '/readyz');
      }
    });

    it('leaves the processes the time that they need to leave and to drain', () => {
      for (const workload of workloads) {
        const { pod, container } = podOf(workload);
        const limits = { ...DEFAULT_LIMITS, ...limitsOf(container.args ?? []) };
        const preStop = container.lifecycle?.preStop?.sleep?.seconds ?? 0;
        // A worker's process drains after the server of probes beside it.
        const drains = container.name === 'worker' ? 2 : 1;
        const needs = preStop + (limits.leaveMs + drains * limits.drainMs) / 1_000;
        assert.ok((pod.terminationGracePeriodSeconds ?? 0) > needs, `${container.name} needs ${needs} s`);
      }
    });

    it('gives commands only flags and environment that they take', async () => {
      for (const workload of workloads) {
        const { container } = podOf(workload);
        const [command = '', ...args] = container.args ?? [];
        const env = container.env?.map((variable) => variable.name) ?? [];
        assert.deepEqual(misused(await commandHelp(command), args, env), [], command);
      }
    });

    it('refers to secrets that are there, or that values name', () => {
      const made = ofKind<ISecret>(objects, 'Secret').flatMap(({ metadata, stringData = {} }) =>
        Object.keys(stringData).map((key) => `${metadata.name}/${key}`),
      );
      const given = { fleet: 'secret', redis: 'address' };
      const known = new Set([...made, ...Object.entries(given).map((pair) => pair.join('/'))]);
      for (const key of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
        known.add(`s3/${key}`);
        assert.match(chartFile('values.yaml'), new RegExp(key), 'documented');
      }
      for (const workload of workloads) {
        const { pod, container } = podOf(workload);
        const read = (container.env ?? []).flatMap(({ valueFrom }) => {
          const secret = valueFrom?.secretKeyRef;
          return secret === undefined ? [] : [`${secret.name}/${secret.key}`];
        });
        const mounted = (pod.volumes ?? []).flatMap(({ secret }) =>
          (secret?.items ?? []).map(({ key, path }) => {
            const file = container.env?.find((variable) => variable.name === 'SHOAL_TOKEN_FILE')?.value;
            assert.equal(file, `/run/shoal/${path}`);
            return `${secret?.secretName}/${key}`;
          }),
        );
        assert.equal(mounted.length, 1);
        const mode = pod.volumes?.find(({ secret }) => secret !== undefined)?.secret?.defaultMode;
        assert.equal(mode, 0o440);
        for (const secret of [...read, ...mounted]) assert.ok(known.has(secret), secret);
      }
    });

    it('selects pods that exist, each workload by selectors that no other has', () => {
      const pods = workloads.map((workload) => podOf(workload).labels);
      for (const { spec, metadata } of workloads) {
        const chosen = pods.filter((labels) => selects(spec.selector.matchLabels, labels));
        assert.equal(chosen.length, 1, metadata.name);
      }
      for (const { spec, metadata } of ofKind<IService>(objects, 'Service')) {
        const chosen = workloads.filter((each) => selects(spec?.selector, podOf(each).labels));
        assert.ok(chosen.length > 0, metadata.name);
        for (const { targetPort } of spec?.ports ?? [])
          for (const each of chosen)
            assert.ok(
              podOf(each).container.ports?.some((port) => port.name === targetPort),
              String(targetPort),
            );
      }
      const budgets = ofKind<IPodDisruptionBudget>(objects, 'PodDisruptionBudget');
      for (const labels of pods)
        assert.equal(budgets.filter(({ spec }) => selects(spec?.selector?.matchLabels, labels)).length, 1);
      for (const workload of workloads) {
        const { pod, labels } = podOf(workload);
        for (const { labelSelector, topologyKey } of pod.topologySpreadConstraints ?? [])
          assert.ok(selects(labelSelector?.matchLabels, labels), topologyKey);
        assert.equal(pod.topologySpreadConstraints?.[0]?.topologyKey, 'topology.kubernetes.io/zone');
        if (pod.priorityClassName !== undefined)
          assert.ok(named(objects, 'PriorityClass').includes(pod.priorityClassName));
      }
    });

    it('scales what exists, and by metrics that prometheus-adapter is told to make', () => {
      for (const { spec, metadata } of ofKind<IHorizontalPodAutoscaler>(objects, 'HorizontalPodAutoscaler')) {
        const target = workloads.find((workload) => workload.metadata.name === spec?.scaleTargetRef.name);
        assert.equal(target?.kind, spec?.scaleTargetRef.kind, metadata.name);
        assert.equal(target?.spec.replicas, undefined, 'who scales it sets the number');
        assert.ok((spec?.minReplicas ?? 0) <= (spec?.maxReplicas ?? 0));
        for (const { pods } of spec?.metrics ?? [])
          if (pods !== undefined) assert.ok(adapterRules().some((rule) => rule.name.as === pods.metric.name));
      }
    });

    it('lets roles call each other as they do, and nobody else but clients and monitoring', () => {
      const policies = ofKind<INetworkPolicy>(objects, 'NetworkPolicy');
      if (policies.length === 0) return assert.equal(name, 'bare');
      const roles = new Map(workloads.map((workload) => [podOf(workload).container.name, podOf(workload)]));
      const reached: string[] = [];
      for (const { spec } of policies) {
        const [role, pod] =
          [...roles].find(([, { labels }]) => selects(spec?.podSelector?.matchLabels, labels)) ?? [];
        assert.deepEqual(spec?.policyTypes, ['Ingress', 'Egress']);
        for (const { from, ports = [] } of spec?.ingress ?? []) {
          for (const { port } of ports)
            assert.ok(
              pod?.container.ports?.some(({ containerPort }) => containerPort === port),
              `${role} ${port}`,
            );
          for (const { podSelector } of from ?? [])
            for (const [caller, { labels }] of roles)
              if (selects(podSelector?.matchLabels, labels)) reached.push(`${caller}->${role}`);
          if (from === undefined) assert.equal(role, 'router', 'only routers may be called by all');
        }
      }
      const calls = [
        'manager->manager',
        'manager->worker',
        'router->manager',
        'router->worker',
        'worker->manager',
      ];
      assert.deepEqual(reached.sort(), calls);
      const allowed = policies.flatMap(({ spec }) => {
        const [caller] =
          [...roles].find(([, { labels }]) => selects(spec?.podSelector?.matchLabels, labels)) ?? [];
        const to = (spec?.egress ?? []).flatMap((rule) => rule.to ?? []);
        return [...roles].flatMap(([role, { labels }]) =>
          to.some(({ podSelector }) => selects(podSelector?.matchLabels, labels))
            ? [`${caller}->${role}`]
            : [],
        );
      });
      assert.deepEqual(allowed.sort(), calls);
    });
  });
}

it('makes one StatefulSet a zone, pinned to it, and tells its workers which', () => {
  const sets = workloadsOf(renderChart(VALUES['everything'] ?? {})).filter(
    ({ kind }) => kind === 'StatefulSet',
  );
  const zones = sets.map((set) => {
    const { pod, container } = podOf(set);
    const [term] =
      pod.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
    const [expression] = term?.matchExpressions ?? [];
    assert.equal(expression?.key, 'topology.kubernetes.io/zone');
    const zone = container.env?.find((variable) => variable.name === 'SHOAL_ZONE')?.value;
    assert.deepEqual(expression?.values, [zone]);
    return zone;
  });
  // The last would be false if the chart forgot its quotes.
  assert.deepEqual(zones, ['eu-1a', 'eu-1b', 'no']);
});

it('has no field that Kubernetes does not know', () => {
  const root = fileURLToPath(new URL('../../../node_modules/', import.meta.url));
  mkdirSync(join(root, '.cache'), { recursive: true });
  const directory = mkdtempSync(join(root, '.cache', 'shoal-chart-'));
  try {
    const files = RENDERED.map(([name, objects]) => {
      const file = join(directory, `${name}.ts`);
      writeFileSync(file, asTypeScript(objects));
      return file;
    });
    const flags = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--target',
      'es2024',
    ];
    const compile = (args: readonly string[]): string => {
      try {
        execFileSync(process.execPath, [join(root, 'typescript/bin/tsc'), ...flags, ...args], {
          encoding: 'utf8',
        });
        return '';
      } catch (error) {
        return (error as { stdout: string }).stdout;
      }
    };
    assert.equal(compile(files), '');
    const wrong = join(directory, 'wrong.ts');
    writeFileSync(
      wrong,
      asTypeScript(renderChart(VALUES['least'] ?? {})).replace('"serviceName"', '"serverName"'),
    );
    assert.match(compile([wrong]), /serverName/, 'the check sees a field that is misspelt');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

function limitsOf(args: readonly string[]): Partial<Record<string, number>> {
  const limits = args.flatMap((arg) => {
    const [, limit = '', value] = /^--limit=(\w+)=(\d+)$/.exec(arg) ?? [];
    return value === undefined ? [] : [[limit, Number(value)] as const];
  });
  for (const [limit] of limits) assert.ok(limit in DEFAULT_LIMITS, limit);
  return Object.fromEntries(limits);
}
