import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { type Command, Option } from 'commander';
import { ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { parseS3Url } from '../stores/objects/s3-url.ts';
import { parseRedisUrl, type RedisSettings } from '../stores/redis/settings.ts';
import { LOG_LEVELS, type LogLevel } from '../telemetry/logger.ts';
import type { S3Settings } from '../wire/store-settings.ts';
import { CliError, EXIT } from './exit.ts';
import { limitSetting, serverPlace, trueOrFalse, wholeNumber } from './parse.ts';

/** What every long-running command takes. */
export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly limit?: Partial<Limits>;
  readonly logLevel: LogLevel;
  readonly logRequests: boolean;
}

export function hostOption(host: string): Option {
  return new Option('--host <address>', 'address to listen on').default(host);
}

/** Where a fleet's processes meet. */
export interface SharedStoreOptions {
  readonly registry?: string;
  readonly artifacts?: string;
  readonly s3Endpoint?: string;
  readonly s3PathStyle: boolean;
  readonly s3Region: string;
}

export function addServerOptions(command: Command, port: number): Command {
  return command
    .option('--port <number>', 'port to listen on; 0 takes a free one', wholeNumber(0, 65_535), port)
    .option('--limit <name=value>', 'override a limit; repeatable', limitSetting)
    .addOption(
      new Option('--log-level <level>', 'what goes to stderr')
        .choices(LOG_LEVELS)
        .default('warn')
        .env('SHOAL_LOG_LEVEL'),
    )
    .option('--log-requests', 'one log line a request', false);
}

export function addRegistryOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--registry <url>',
      'redis://[user:password@]host:port[/db][?prefix=name], rediss://, redis+sentinel://, redis+cluster://',
    ).env('SHOAL_REGISTRY'),
  );
}

export function addArtifactOptions(command: Command): Command {
  return command
    .addOption(new Option('--artifacts <url>', 's3://bucket/prefix').env('SHOAL_ARTIFACTS'))
    .addOption(new Option('--s3-endpoint <url>', "an S3 server that isn't Amazon's").env('SHOAL_S3_ENDPOINT'))
    .addOption(
      new Option('--s3-path-style [true|false]', "the bucket in the path, not in the host's name")
        .argParser(trueOrFalse)
        .preset('true')
        .default(false)
        .env('SHOAL_S3_PATH_STYLE'),
    )
    .addOption(new Option('--s3-region <name>', 'its region').default('us-east-1').env('SHOAL_S3_REGION'));
}

export function advertiseOption(what: string): Option {
  const usual = 'as it listens; on all addresses: http://, the host name and the port';
  return new Option('--advertise <url>', `${what} (default: ${usual})`)
    .argParser(serverPlace)
    .env('SHOAL_ADVERTISE');
}

export function zoneOption(): Option {
  return new Option('--zone <name>', 'what fails together; shards are spread over zones')
    .default('default')
    .env('SHOAL_ZONE');
}

/** The Redis that the options name. */
export function redisSettingsOf({ registry }: Pick<SharedStoreOptions, 'registry'>): RedisSettings {
  const url = required(registry, '--registry', 'SHOAL_REGISTRY');
  return understood('--registry (SHOAL_REGISTRY)', () => parseRedisUrl(url));
}

/** The object store that the options name. */
export function s3SettingsOf(options: SharedStoreOptions): S3Settings {
  const { s3Endpoint, s3PathStyle, s3Region } = options;
  const url = required(options.artifacts, '--artifacts', 'SHOAL_ARTIFACTS');
  return understood('--artifacts (SHOAL_ARTIFACTS) or --s3-endpoint (SHOAL_S3_ENDPOINT)', () =>
    parseS3Url(url, { endpoint: s3Endpoint, pathStyle: s3PathStyle, region: s3Region }),
  );
}

export const ALL_ADDRESSES = '0.0.0.0';

/** One that starts again is another: what the one before was about to write must not pass for its own. */
export function managerIdOf(name: string): string {
  return `${name}-${randomBytes(4).toString('hex')}`;
}

/** Where others reach what listens on `host`; undefined: as it listens. */
export function advertiseOf({ advertise, host }: { advertise?: string; host: string }): string | undefined {
  if (advertise !== undefined) return advertise;
  return host === ALL_ADDRESSES || host === '::' ? `http://${hostname()}` : undefined;
}

const LEAST_TOKEN = 16;

/**
 * What the processes of a fleet show each other: the content of the file that SHOAL_TOKEN_FILE names, or SHOAL_TOKEN.
 * No option, as command lines can be read by everybody on the machine.
 */
export function fleetToken(env: NodeJS.ProcessEnv = process.env): string {
  const file = env['SHOAL_TOKEN_FILE'];
  const token = file === undefined ? env['SHOAL_TOKEN'] : tokenOf(file);
  if (token === undefined)
    throw new CliError(
      'set SHOAL_TOKEN or SHOAL_TOKEN_FILE: the secret that all processes of the fleet share',
      EXIT.usage,
    );
  if (token.length >= LEAST_TOKEN && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new CliError(
    `SHOAL_TOKEN must have at least ${LEAST_TOKEN} printable ASCII characters and no blanks`,
    EXIT.usage,
  );
}

function tokenOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new CliError(`SHOAL_TOKEN_FILE can't be read: ${(error as Error).message}`, EXIT.usage, error);
  }
}

/** The value of an option that has to be given, by flag or environment. */
export function required(value: string | undefined, flag: string, env: string): string {
  if (value !== undefined && value !== '') return value;
  throw new CliError(`give ${flag}, or set ${env}`, EXIT.usage);
}

/** What is wrong with a setting is told with its name, and ends the command as a wrong command line does. */
function understood<T>(names: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    throw new CliError(`${names}: ${error.message}`, EXIT.usage, error);
  }
}
