import { InvalidArgumentError } from 'commander';
import { DEFAULT_LIMITS, type Limits } from '../core/limits.ts';

/** Readers of command-line values; commander prints their message with the option's name and exits with 2. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

const MIN_BYTES = 1024 ** 2;
const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `512MiB`, `2GiB`, `2g`, `1000000`: binary units all. */
export function byteSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?$/i.exec(text);
  const unit = UNIT_BYTES[match?.[2]?.toLowerCase() ?? ''];
  if (match === null || unit === undefined)
    throw new InvalidArgumentError('Expected a size like 512MiB or 2GiB.');
  const bytes = Math.floor(Number(match[1]) * unit);
  if (bytes < MIN_BYTES) throw new InvalidArgumentError(`That is ${bytes} bytes; expected 1MiB at least.`);
  return bytes;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `500ms`, `60s`, `5m`, `1h`. */
export function durationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const ms = match === null ? 0 : Number(match[1]) * (UNIT_MS[match[2] as string] as number);
  if (ms <= 0) throw new InvalidArgumentError('Expected a time like 500ms, 60s or 5m.');
  return ms;
}

/** `--limit name=value`, repeatable. */
export function limitSetting(text: string, before: Partial<Limits> = {}): Partial<Limits> {
  const [name = '', value = ''] = text.split('=');
  if (!Object.hasOwn(DEFAULT_LIMITS, name)) {
    throw new InvalidArgumentError(
      `Expected name=value with a name of ${Object.keys(DEFAULT_LIMITS).join(', ')}.`,
    );
  }
  if (!/^[1-9]\d*$/.test(value)) {
    const usual = DEFAULT_LIMITS[name as keyof Limits];
    throw new InvalidArgumentError(
      `${name} takes a whole number, like its default ${usual}; got "${value}".`,
    );
  }
  return { ...before, [name]: Number(value) };
}

/** `http://host` or `http://host:port`. */
export function serverPlace(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && /^http:\/\/[^/?#@]+\/?$/.test(text);
  if (isPlain) return text.replace(/\/$/, '');
  throw new InvalidArgumentError('Expected http://host or http://host:port.');
}

export function trueOrFalse(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new InvalidArgumentError('Expected true or false.');
}

export function repeated(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** `tenant/model` or `tenant/model@version`. */
export function modelName(text: string): { tenant: string; model: string; version?: string } {
  const match = /^([^/@]+)\/([^/@]+)(?:@([^/@]+))?$/.exec(text);
  if (match === null) throw new InvalidArgumentError('Expected tenant/model, or tenant/model@version.');
  const [, tenant, model, version] = match as unknown as [string, string, string, string | undefined];
  return { tenant, model, ...(version === undefined ? {} : { version }) };
}

/** `tenant/model@version`. */
export function versionName(text: string): { tenant: string; model: string; version: string } {
  const { version, ...name } = modelName(text);
  if (version === undefined) throw new InvalidArgumentError('Expected tenant/model@version.');
  return { ...name, version };
}
