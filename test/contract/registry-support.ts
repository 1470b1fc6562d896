import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Digest } from '../../src/core/ids.ts';
import type { ExecutorChoice } from '../../src/model/executor-choice.ts';
import type { ModelConfig } from '../../src/model/config.ts';
import type { Position } from '../../src/stores/registry/position.ts';
import type { Registration, Registry } from '../../src/stores/registry/registry.ts';
import { Table } from './registry-model.ts';

export interface RegistryUnderTest {
  readonly registry: Registry;
  /** Closes the registry and gives it anew from what is stored. */
  readonly reopen: () => Promise<Registry>;
  readonly close: () => Promise<void>;
}

export interface RegistryLimitsUnderTest {
  readonly versionsPerModel: number;
  readonly changeLogEntries: number;
  readonly strikes: number;
  readonly strikeMs: number;
}

/** `now`: milliseconds since 1970. */
export type MakeRegistry = (limits: RegistryLimitsUnderTest, now: () => number) => Promise<RegistryUnderTest>;

export function registration(
  id: { tenant?: string; model?: string; version?: string },
  more: {
    content?: string;
    features?: readonly string[];
    config?: ModelConfig;
    activate?: boolean;
    executor?: ExecutorChoice;
  } = {},
): Registration {
  const digest = (text: string): Digest => `sha256:${createHash('sha256').update(text).digest('hex')}`;
  const content = more.content ?? 'artifact';
  return {
    tenant: id.tenant ?? 'acme',
    model: id.model ?? 'churn',
    version: id.version ?? '1',
    config: more.config ?? {},
    activate: more.activate ?? false,
    artifact: {
      digest: digest(content),
      bytes: content.length,
      preparedDigest: digest(`prepared ${content}`),
      executor: more.executor ?? { executor: 'onnx', reason: 'it uses operator Scan' },
      spec: {
        signature: {
          inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
          outputs: [{ name: 'label', datatype: 'INT64', shape: [-1], classLabels: ['a', 'b'] }],
        },
        ...(more.features === undefined ? {} : { features: more.features }),
      },
      resources: { residentBytes: 90_000, loadMs: 0.625, runMs: 0.03125 },
    },
  };
}

export async function revisionOf(registry: Registry): Promise<number> {
  return (await positionOf(registry)).revision;
}

export async function positionOf(registry: Registry): Promise<Position> {
  const position = await registry.position();
  assert.ok(position !== undefined, 'it has a history');
  return position;
}

export async function readTable(registry: Registry): Promise<Table> {
  const table = new Table();
  for await (const page of registry.snapshot()) table.apply(page);
  return table;
}

/** Follows until the registry's revision of now is reached. */
export async function catchUp(registry: Registry, table: Table): Promise<void> {
  const target = await revisionOf(registry);
  const stop = new AbortController();
  if (table.revision >= target) return;
  for await (const page of registry.follow(table.position, stop.signal)) {
    assert.ok(page.position.revision > table.revision, 'pages advance');
    table.apply(page);
    if (table.revision >= target) return;
  }
}
