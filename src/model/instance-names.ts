import { ShoalError } from '../core/errors.ts';
import { type Feature, type FeatureSet, valueOf } from './instance-layout.ts';
import { describeJson, type JsonObject, type JsonValue, pointer } from './json.ts';
import { invalidInput } from './tensor-json.ts';

export function rowPath(row: number): string {
  return `/instances/${row}`;
}

/** Refuses names that aren't the model's. To be called when every feature has been found in the instance. */
export function checkNames(instance: JsonObject, features: FeatureSet, row: number): void {
  const keys = Object.keys(instance);
  // All were found and none came from a default, so an equal count leaves no room for others.
  if (keys.length === features.list.length && !features.hasFallback) return;
  const unknown = keys.filter((key) => !features.known.has(key));
  if (unknown.length === 0) return;
  const known = `known are ${shown(features.list)}`;
  throw new ShoalError('INVALID_INPUT', `${rowPath(row)}: unknown ${shownNames(unknown)}; ${known}`, {
    details: unknown.slice(0, 20).map((name) => ({
      path: rowPath(row) + pointer(cut(name)),
      message: `unknown; ${known}`,
    })),
  });
}

export function missing(instance: JsonObject, { list, known }: FeatureSet, row: number): ShoalError {
  const absent = list.filter((feature) => valueOf(instance, feature) === undefined);
  const unknown = Object.keys(instance).filter((key) => !known.has(key));
  const hint = unknown.length === 0 ? '' : `; unknown ${shownNames(unknown)}`;
  return new ShoalError('INVALID_INPUT', `${rowPath(row)}: missing ${shown(absent)}${hint}`, {
    details: absent
      .slice(0, 20)
      .map(({ name }) => ({ path: rowPath(row) + pointer(name), message: 'missing' })),
  });
}

export function notAnInstance(instance: JsonValue, row: number): ShoalError {
  return invalidInput(rowPath(row), `expected an object or a list, got ${describeJson(instance)}`);
}

export function checkSize(bytes: number, most: number): void {
  if (bytes <= most) return;
  throw invalidInput(
    '/instances',
    `these instances take ${bytes} bytes as tensors, more than ${most} (limit inputBytes)`,
  );
}

export function shown(features: readonly Feature[]): string {
  return shownNames(features.map(({ name }) => name));
}

function shownNames(names: readonly string[]): string {
  const first = names.slice(0, 20).map((name) => JSON.stringify(cut(name)));
  return names.length > 20 ? `${first.join(', ')} and ${names.length - 20} more` : first.join(', ');
}

function cut(name: string): string {
  return name.length > 64 ? `${name.slice(0, 64)}...` : name;
}
