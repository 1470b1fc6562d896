import { type Command, Option } from 'commander';
import { addArtifactOptions } from '../role-options.ts';

/** `shoal registry ...`: for who looks after a fleet's registry. They talk to the stores, not to a server. */
export function addRegistry(program: Command, finish: (code: number) => void): void {
  const registry = program
    .command('registry')
    .description('rebuild, verify, clean up and move the registry, on its stores themselves')
    .addHelpText('after', HELP);
  const json = (): Option => new Option('--json', 'print JSON for scripts').default(false);
  withStores(registry.command('rebuild'), REDIS)
    .description('restore a Redis that is empty or lost changes from the object store')
    .addOption(json())
    .action(async (options) => finish(await (await import('./rebuild.ts')).rebuild(options)));
  withStores(registry.command('verify'), REDIS)
    .description('name every difference between Redis and the object store; beside a running fleet too')
    .addOption(json())
    .action(async (options) => finish(await (await import('./verify.ts')).verify(options)));
  withStores(registry.command('gc'), EITHER)
    .description('delete artifacts, plans and structures that no version needs and nobody used for an hour')
    .option('--dry-run', 'list them, delete nothing', false)
    .addOption(json())
    .action(async (options) => finish(await (await import('./gc.ts')).gc(options)));
  withStores(registry.command('export'), EITHER)
    .description('write all tenants and models as NDJSON; artifacts by digest only')
    .option('--out <file>', 'where to (default: stdout)')
    .action(async (options) => finish(await (await import('./export.ts')).exportRegistry(options)));
  withStores(registry.command('import'), EITHER)
    .description('read what export wrote into another registry; all or nothing is checked first')
    .argument('<file>', 'what export wrote')
    .option('--from <place>', 'copy artifacts and plans from here: a data directory, or s3://bucket/prefix')
    .option('--merge', 'into a registry that is not empty: equal names are replaced, the others stay', false)
    .action(async (file: string, options) =>
      finish(await (await import('./import.ts')).importRegistry(file, options)),
    );
}

const REDIS = 'redis://... as the roles take it';
const EITHER = `${REDIS}, or the data directory of a shoal up that is stopped`;

function withStores(command: Command, where: string): Command {
  return addArtifactOptions(command.addOption(new Option('--registry <place>', where).env('SHOAL_REGISTRY')));
}

const HELP = `
Examples:
  shoal registry verify  --registry redis://r:6379 --artifacts s3://models/shoal
  shoal registry rebuild --registry redis://r:6379 --artifacts s3://models/shoal    when no manager runs; else it heals itself
  shoal registry gc --dry-run                             stores from SHOAL_REGISTRY and SHOAL_ARTIFACTS
  shoal registry export --registry .shoal --out shoal.ndjson
  shoal registry import shoal.ndjson --from .shoal        from one machine into a fleet`;
