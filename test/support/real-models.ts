import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { NamedTensor } from '../../src/model/signature.ts';
import { columnTensor, type JsonColumn } from './tensors.ts';

/** The real models of test/fixtures/models, with the answers of the libraries that trained them. */
const ROOT = path.join(import.meta.dirname, '../fixtures/models');

export interface ModelCase {
  readonly name: string;
  readonly rows: number;
  readonly batch?: number;
  readonly inputs: readonly { name: string; type: string; shape: readonly (number | string | null)[] }[];
  readonly outputs: readonly { name: string; type: string; shape: readonly (number | string | null)[] }[];
  readonly feeds: Readonly<Record<string, JsonColumn>>;
  readonly expected: Readonly<Record<string, JsonColumn>>;
  readonly tolerance: { readonly abs: number; readonly rel: number };
}

export const MODEL_NAMES: readonly string[] = readdirSync(ROOT).sort();

export function artifactOf(name: string): Buffer {
  return readFileSync(path.join(ROOT, name, 'model.onnx'));
}

export function caseOf(name: string): ModelCase {
  return JSON.parse(readFileSync(path.join(ROOT, name, 'case.json'), 'utf8')) as ModelCase;
}

/** The case's feeds as tensors, in the declared types. */
export function feedsOf(model: ModelCase): NamedTensor[] {
  return model.inputs.map((input) =>
    columnTensor(input.name, input.type, model.feeds[input.name] as JsonColumn),
  );
}
