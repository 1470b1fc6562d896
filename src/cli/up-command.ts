import { type Command, Option } from 'commander';
import { byteSize, durationMs, repeated, wholeNumber } from './parse.ts';
import {
  addArtifactOptions,
  addRegistryOption,
  addServerOptions,
  advertiseOption,
  type ServerOptions,
  type SharedStoreOptions,
  zoneOption,
} from './role-options.ts';

export interface UpCommandOptions extends Omit<ServerOptions, 'host'>, SharedStoreOptions {
  readonly host?: string;
  readonly data: string;
  readonly workers: number;
  readonly lanes?: number;
  readonly memory?: number;
  readonly cache?: string;
  readonly cacheBytes: number;
  readonly allowRoot: readonly string[];
  /** In milliseconds. */
  readonly idleTtl?: number;
  readonly prefetch: boolean;
  readonly samples: boolean;
  readonly id?: string;
  readonly zone: string;
  readonly advertise?: string;
}

/** `shoal up`: a machine of its own, or one of a fleet. */
export function addUp(program: Command, finish: (code: number) => void): void {
  const command = program
    .command('up')
    .description(
      'start Shoal on this machine: router, manager and workers, on embedded stores or on shared ones',
    )
    .option('--host <address>', 'address to listen on (default: 127.0.0.1; on shared stores all addresses)');
  addServerOptions(command, 8080)
    .option('--data <dir>', 'where registry and artifacts are kept; on shared stores the caches', '.shoal')
    .option('--workers <n>', 'worker processes', wholeNumber(1, 256), 2)
    .option('--lanes <n>', 'lanes a worker (default: its share of the cores)', wholeNumber(1, 256))
    .option(
      '--memory <size>',
      'models a worker may hold, in bytes resident (default: what overheads leave, 20 to 60 % of the memory, shared)',
      byteSize,
    )
    .option(
      '--cache <dir>',
      'keep artifacts here too, for a data directory on a slow disk (default: none; workers read the store itself)',
    )
    .addOption(
      new Option('--cache-bytes <size>', 'what a worker may keep in its cache')
        .argParser(byteSize)
        .default(4 * 1024 ** 3, '4GiB'),
    )
    .option(
      '--allow-root <place>',
      'a folder that file:// uris may name, or an s3://bucket/prefix/; repeatable',
      repeated,
      [] as string[],
    )
    .option(
      '--idle-ttl <time>',
      'release models that nobody asked for since, like 30m (default: never)',
      durationMs,
    )
    .option('--prefetch', 'load a version as it becomes stable, where there is memory to spare', false)
    .option('--no-samples', 'leave an empty registry empty');
  addArtifactOptions(addRegistryOption(command))
    .addOption(
      new Option('--id <name>', 'on shared stores: begins the names of its workers (default: the host name)'),
    )
    .addOption(zoneOption())
    .addOption(advertiseOption('on shared stores: http://host where the others reach this machine'))
    .addHelpText('after', UP_HELP)
    .action(async (options: UpCommandOptions) => finish(await (await import('./up.ts')).up(options)));
}

const UP_HELP = `
Examples:
  shoal up                                             http://127.0.0.1:8080, data in ./.shoal
  shoal up --data /var/lib/shoal --memory 4GiB         each worker may hold 4 GiB of models
  shoal up --allow-root /models                        register by {"uri": "file:///models/..."}
  shoal up --limit deadlineMs=10000 --limit instances=512
  SHOAL_TOKEN=... shoal up --registry redis://redis:6379 --artifacts s3://models/shoal
                                                       the same on every machine: together they are a fleet`;
