import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { healRegistry } from '../../manager/heal.ts';
import { count, importRecords, noCounts } from '../../stores/records/record-file.ts';
import { type Needed, neededBy, versionsOf } from '../../stores/records/contents.ts';
import type { RecordObjects } from '../../stores/records/records.ts';
import type { RegistryRecord } from '../../stores/registry/records.ts';
import type { Registry } from '../../stores/registry/registry.ts';
import { CliError, EXIT } from '../exit.ts';
import { print } from '../output.ts';
import type { SharedStoreOptions } from '../role-options.ts';
import { copyContents, lackingIn } from './copy.ts';
import {
  type Contents,
  openDirectory,
  openDirectoryContents,
  openPlace,
  openSharedContents,
  takeLead,
} from './places.ts';

const PAGE_RECORDS = 200;
/** Of those that are lacking. */
const NAMED = 20;

export interface ImportOptions extends SharedStoreOptions {
  readonly merge: boolean;
  /** The data directory or object store that the artifacts are copied from. */
  readonly from?: string;
}

/** `shoal registry import`: what `export` wrote, into another registry. Everything is checked before anything changes. */
export async function importRegistry(file: string, options: ImportOptions): Promise<number> {
  const { needed, counts } = await check(file);
  await using stack = new AsyncDisposableStack();
  const place = await openPlace(options, stack);
  const shared = place.kind === 'redis' ? await openSharedContents(options, stack) : undefined;
  const contents: Contents =
    shared ??
    (await openDirectoryContents((place as Extract<typeof place, { kind: 'directory' }>).data, stack));
  if (shared !== undefined && place.kind === 'redis')
    await takeLead(place, shared, 'stop all managers for the time of the import');
  const floor = await floorOf(place.registry, shared?.records, options.merge);
  await bringContents(needed, contents, options, stack);
  await place.registry.restore(pagesOf(file, floor));
  if (shared !== undefined && place.kind === 'redis') {
    const { registry, logger } = place;
    const { records } = shared;
    const othersEnded = (): Promise<void> => Promise.resolve();
    await healRegistry({ registry, records, logger, othersEnded, signal: new AbortController().signal });
  }
  const position = await place.registry.position();
  const { tenants, models, versions } = counts;
  print(
    `imported ${tenants} tenants, ${models} models, ${versions} versions; the registry is at revision ${position?.revision}`,
  );
  return EXIT.ok;
}

async function* readFile(file: string): AsyncGenerator<RegistryRecord> {
  const lines = createInterface({
    input: createReadStream(file, 'utf8'),
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  try {
    yield* importRecords(lines);
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    throw new CliError(`can't read ${file}: ${error.message}`, EXIT.usage, error);
  }
}

async function check(file: string) {
  const needed = new Map<string, Needed & { structure?: Needed }>();
  const counts = noCounts();
  for await (const record of readFile(file)) {
    count(counts, record);
    for (const version of versionsOf(record)) {
      const all = neededBy(version);
      const structure = all.find(({ kind }) => kind === 'structure');
      for (const each of all) {
        if (each.kind === 'structure') continue;
        const plan = each.kind === 'plan' && structure !== undefined;
        needed.set(`${each.kind} ${each.digest}`, plan ? { ...each, structure } : each);
      }
    }
  }
  return { needed: [...needed.values()], counts };
}

/** What is added to the file's revisions, so that they are above all that is there. */
async function floorOf(
  registry: Registry,
  records: RecordObjects | undefined,
  merge: boolean,
): Promise<number> {
  const heads = await records?.heads();
  let isEmpty = heads === undefined || heads.size === 0;
  for await (const page of registry.records()) isEmpty &&= page.length === 0;
  if (isEmpty) return 0;
  if (!merge)
    throw new CliError(
      'there are tenants already, in the registry or the object store; with --merge those of the file take the place of ' +
        'what has their names, and the others stay',
    );
  return Math.max((await registry.position())?.revision ?? 0, heads?.highest ?? 0);
}

async function* pagesOf(file: string, floor: number): AsyncGenerator<readonly RegistryRecord[]> {
  let page: RegistryRecord[] = [];
  for await (const record of readFile(file)) {
    page.push(raised(record, floor));
    if (page.length < PAGE_RECORDS) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

function raised(record: RegistryRecord, floor: number): RegistryRecord {
  const revision = record.revision + floor;
  if (record.kind === 'tenant' || record.state === undefined) return { ...record, revision };
  const versions = record.state.versions.map((version) => ({
    ...version,
    revision: version.revision + floor,
  }));
  return { ...record, revision, state: { ...record.state, versions } };
}

async function bringContents(
  needed: readonly (Needed & { structure?: Needed })[],
  contents: Contents,
  options: ImportOptions,
  stack: AsyncDisposableStack,
): Promise<void> {
  let lacking = await lackingIn(contents, needed);
  if (lacking.length > 0 && options.from !== undefined) {
    const from = options.from.startsWith('s3://')
      ? await openSharedContents({ ...options, artifacts: options.from }, stack)
      : await openDirectoryContents(await openDirectory(options.from, stack), stack);
    print(`copying ${lacking.length} artifacts and plans`);
    lacking = await copyContents(from, contents, lacking);
  }
  if (lacking.length === 0) return;
  const named = lacking.slice(0, NAMED).map(({ kind, digest }) => `  ${kind} ${digest}`);
  if (lacking.length > NAMED) named.push(`  and ${lacking.length - NAMED} more`);
  const where =
    options.from === undefined
      ? 'give --from with the store that has them'
      : `${options.from} has them neither`;
  throw new CliError(
    `nothing was imported: the store lacks ${lacking.length} of ${needed.length} artifacts and plans; ${where}\n${named.join('\n')}`,
  );
}
