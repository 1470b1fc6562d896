import { ShoalError } from '../core/errors.ts';
import { checkModel, checkTenant, checkVersion, quote } from '../core/ids.ts';
import type { Limits } from '../core/limits.ts';
import { checkConfig, type ModelConfig } from '../model/config.ts';
import { isObject, type JsonObject, type JsonValue, parseJson } from '../model/json.ts';
import type { VersionId } from '../stores/registry/registry.ts';

/** A line that registers, checked but for its artifact. */
export interface BulkRegistration {
  readonly id: VersionId;
  readonly artifact: JsonValue | undefined;
  readonly config: ModelConfig;
  readonly activate: boolean;
}

/** What a line says that can be told back to the client, whatever is wrong with the rest. */
export interface LineName {
  readonly tenant?: string;
  readonly model?: string;
  readonly version?: string;
}

const MEMBERS = ['tenant', 'model', 'version', 'artifact', 'config', 'configRef', 'activate'];

export function parseLine(bytes: Buffer, jsonDepth: number): JsonObject {
  const value = parseJson(bytes, { depth: jsonDepth });
  if (!isObject(value)) throw invalid('a line must be a JSON object');
  return value;
}

export function nameOf(line: JsonObject): LineName {
  const name: { tenant?: string; model?: string; version?: string } = {};
  for (const key of ['tenant', 'model', 'version'] as const) {
    const value = line[key];
    if (typeof value === 'string' && value.length <= 256) name[key] = value;
  }
  return name;
}

/** The configs that a stream has defined for its later lines. */
export class DefinedConfigs {
  readonly #limits: Pick<Limits, 'bulkConfigs' | 'bulkInFlightBytes'>;
  readonly #configs = new Map<string, { config: ModelConfig; bytes: number }>();
  #bytes = 0;

  constructor(limits: Pick<Limits, 'bulkConfigs' | 'bulkInFlightBytes'>) {
    this.#limits = limits;
  }

  /** A later definition of a name is the one that counts from there on. */
  define(line: JsonObject, bytes: number): void {
    const name = line['defineConfig'];
    if (typeof name !== 'string' || name === '') throw invalid('defineConfig must be a name');
    const unknown = Object.keys(line).find((key) => key !== 'defineConfig' && key !== 'config');
    if (unknown !== undefined) throw invalid(`a definition has the unknown member ${quote(unknown)}`);
    const config = checkConfig(line['config']);
    const before = this.#configs.get(name)?.bytes ?? 0;
    const { bulkConfigs, bulkInFlightBytes } = this.#limits;
    if (before === 0 && this.#configs.size >= bulkConfigs) {
      throw new ShoalError('TOO_LARGE', `a stream may define ${bulkConfigs} configs (limit bulkConfigs)`);
    }
    if (this.#bytes - before + bytes > bulkInFlightBytes) {
      throw new ShoalError(
        'TOO_LARGE',
        `a stream's configs may have ${bulkInFlightBytes} bytes together (limit bulkInFlightBytes)`,
      );
    }
    this.#bytes += bytes - before;
    this.#configs.set(name, { config, bytes });
  }

  /** Throws INVALID_NAME, INVALID_REQUEST, INVALID_CONFIG. */
  registration(line: JsonObject): BulkRegistration {
    const unknown = Object.keys(line).find((key) => !MEMBERS.includes(key));
    if (unknown !== undefined) throw invalid(`a line has the unknown member ${quote(unknown)}`);
    const id = {
      tenant: checkTenant(line['tenant']),
      model: checkModel(line['model']),
      version: checkVersion(line['version']),
    };
    const activate = line['activate'] ?? false;
    if (typeof activate !== 'boolean') throw invalid('activate must be true or false');
    return { id, artifact: line['artifact'], config: this.#configOf(line), activate };
  }

  #configOf({ config, configRef }: JsonObject): ModelConfig {
    if (configRef === undefined) return config === undefined ? {} : checkConfig(config);
    if (config !== undefined) throw invalid('a line takes config or configRef, not both');
    if (typeof configRef !== 'string') throw invalid('configRef must be a name');
    const defined = this.#configs.get(configRef);
    if (defined !== undefined) return defined.config;
    throw invalid(`configRef ${quote(configRef)} was not defined by an earlier line of this stream`);
  }
}

function invalid(message: string): ShoalError {
  return new ShoalError('INVALID_REQUEST', message);
}
