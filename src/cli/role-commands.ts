import type { Command } from 'commander';
import { Option } from 'commander';
import { byteSize, durationMs, repeated, wholeNumber } from './parse.ts';
import {
  ALL_ADDRESSES,
  addArtifactOptions,
  addRegistryOption,
  addServerOptions,
  advertiseOption,
  hostOption,
  type ServerOptions,
  type SharedStoreOptions,
  zoneOption,
} from './role-options.ts';

type Finish = (code: number) => void;

/** `shoal router | worker | manager`: one role each, for a fleet that meets in Redis and S3. */
export function addRoles(program: Command, finish: Finish): void {
  addRouter(program, finish);
  addWorker(program, finish);
  addManager(program, finish);
}

export interface RouterCommandOptions extends ServerOptions {
  readonly registry?: string;
  readonly routers: number;
}

function addRouter(program: Command, finish: Finish): void {
  const command = program
    .command('router')
    .description('start a router of a fleet: the whole API; changes go on to the leading manager')
    .addHelpText('after', ROUTER_HELP);
  addRegistryOption(addServerOptions(command.addOption(hostOption(ALL_ADDRESSES)), 8080))
    .option('--routers <n>', 'processes that share the port', wholeNumber(1, 256), 1)
    .action(async (options: RouterCommandOptions) =>
      finish(await (await import('./router-role.ts')).router(options)),
    );
}

export interface WorkerCommandOptions extends ServerOptions, SharedStoreOptions {
  readonly id?: string;
  readonly zone: string;
  readonly weight: number;
  readonly advertise?: string;
  readonly opsPort: number;
  readonly lanes?: number;
  readonly memory?: number;
  readonly data: string;
  readonly cacheBytes: number;
  /** In milliseconds. */
  readonly idleTtl?: number;
}

function addWorker(program: Command, finish: Finish): void {
  const command = program
    .command('worker')
    .description('start a worker of a fleet: it holds models, and takes requests from routers')
    .addHelpText('after', WORKER_HELP);
  addArtifactOptions(addRegistryOption(addServerOptions(command.addOption(hostOption(ALL_ADDRESSES)), 8090)))
    .addOption(
      new Option('--id <name>', 'its name, the same after every restart (default: the host name)').env(
        'SHOAL_WORKER_ID',
      ),
    )
    .addOption(zoneOption())
    .option('--weight <n>', 'its share of the models, relative to the others', wholeNumber(1, 1_000), 1)
    .addOption(advertiseOption('where routers reach it'))
    .option('--ops-port <number>', 'port of probes and metrics', wholeNumber(0, 65_535), 8091)
    .option('--lanes <n>', 'lanes (default: the cores)', wholeNumber(1, 256))
    .option(
      '--memory <size>',
      'models it may hold, in bytes resident (default: what the machine has)',
      byteSize,
    )
    .option('--data <dir>', 'its cache of artifacts and plans, and its crash journal', '.shoal-worker')
    .addOption(
      new Option('--cache-bytes <size>', 'what the cache may take')
        .argParser(byteSize)
        .default(4 * 1024 ** 3, '4GiB'),
    )
    .option(
      '--idle-ttl <time>',
      'release models that nobody asked for since, like 30m (default: never)',
      durationMs,
    )
    .action(async (options: WorkerCommandOptions) =>
      finish(await (await import('./worker-role.ts')).worker(options)),
    );
}

export interface ManagerCommandOptions extends ServerOptions, SharedStoreOptions {
  readonly id?: string;
  readonly advertise?: string;
  readonly allowRoot: readonly string[];
  readonly prefetch: boolean;
}

function addManager(program: Command, finish: Finish): void {
  const command = program
    .command('manager')
    .description('start a manager of a fleet: registration and traffic; one leads, the others stand by')
    .addHelpText('after', MANAGER_HELP);
  addArtifactOptions(addRegistryOption(addServerOptions(command.addOption(hostOption(ALL_ADDRESSES)), 8070)))
    .addOption(new Option('--id <name>', 'its name (default: the host name and a number)'))
    .addOption(advertiseOption('where routers and other managers reach it'))
    .option(
      '--allow-root <place>',
      'a folder that file:// uris may name, or an s3://bucket/prefix/; repeatable',
      repeated,
      [] as string[],
    )
    .option('--prefetch', 'load a version as it becomes stable, where there is memory to spare', false)
    .action(async (options: ManagerCommandOptions) =>
      finish(await (await import('./manager-role.ts')).manager(options)),
    );
}

const SHARED_HELP = `
Environment: SHOAL_REGISTRY, SHOAL_ARTIFACTS, SHOAL_S3_ENDPOINT, SHOAL_S3_PATH_STYLE, SHOAL_S3_REGION,
SHOAL_TOKEN or SHOAL_TOKEN_FILE (the secret that the fleet shares), AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
(or any other way in which the AWS SDK finds credentials).`;

const ROUTER_HELP = `
Examples:
  SHOAL_TOKEN=... shoal router --registry redis://redis:6379
  SHOAL_TOKEN=... shoal router --registry redis://redis:6379 --routers 8     eight processes on one port

Environment: SHOAL_REGISTRY, SHOAL_TOKEN or SHOAL_TOKEN_FILE (the secret that the fleet shares).`;

const WORKER_HELP = `
Examples:
  SHOAL_TOKEN=... shoal worker --registry redis://redis:6379 --artifacts s3://models/shoal --zone a
${SHARED_HELP}`;

const MANAGER_HELP = `
Examples:
  SHOAL_TOKEN=... shoal manager --registry redis://redis:6379 --artifacts s3://models/shoal
${SHARED_HELP}`;
