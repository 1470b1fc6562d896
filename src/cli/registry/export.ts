import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { exportLines, noCounts } from '../../stores/records/record-file.ts';
import { CliError, EXIT } from '../exit.ts';
import type { SharedStoreOptions } from '../role-options.ts';
import { openPlace } from './places.ts';

/** `shoal registry export`: all tenants and models as NDJSON, to stdout or a file. */
export async function exportRegistry(options: SharedStoreOptions & { out?: string }): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const { registry } = await openPlace(options, stack);
  const position = await registry.position();
  if (position === undefined)
    throw new CliError(
      'the registry has no history: it is empty, or being restored; there is nothing to export',
    );
  const counts = noCounts();
  await write(exportLines(position, registry.records(), counts), options.out);
  const { tenants, models, versions } = counts;
  let told = `exported ${tenants} tenants, ${models} models, ${versions} versions at revision ${position.revision}`;
  const after = await registry.position();
  if (after?.history !== position.history)
    throw new CliError('the registry was restored meanwhile; export again');
  if (after.revision !== position.revision)
    told += `; it changed meanwhile, up to revision ${after.revision}: some of these changes are in it and some are not`;
  process.stderr.write(`${told}\n`);
  return EXIT.ok;
}

/** A file is there under its name when it is whole. */
async function write(lines: AsyncIterable<string>, out: string | undefined): Promise<void> {
  if (out === undefined) return pipeline(Readable.from(lines), process.stdout, { end: false });
  const part = `${out}.part`;
  try {
    await pipeline(Readable.from(lines), createWriteStream(part, { flush: true }));
    await rename(part, out);
  } catch (error) {
    await rm(part, { force: true });
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    throw new CliError(`can't write ${out}: ${error.message}`, EXIT.usage, error);
  }
}
