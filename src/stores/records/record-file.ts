import { ShoalError } from '../../core/errors.ts';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { Position } from '../registry/position.ts';
import type { RegistryRecord } from '../registry/records.ts';
import { readRecord, recordText } from './record-text.ts';

/** The first line of an export. */
const FORMAT = 'shoal-registry';
const VERSION = 1;

export interface Counts {
  tenants: number;
  models: number;
  versions: number;
}

export function noCounts(): Counts {
  return { tenants: 0, models: 0, versions: 0 };
}

export function count(counts: Counts, record: RegistryRecord): void {
  if (record.kind === 'tenant') counts.tenants++;
  else counts.models++;
  if (record.kind === 'model') counts.versions += record.state?.versions.length ?? 0;
}

/**
 * NDJSON: a header with the format's version and the position, a record a line with its checksum, and a last line with
 * the counts, which are known only then and without which the file was cut off.
 */
export async function* exportLines(
  position: Position,
  records: AsyncIterable<readonly RegistryRecord[]>,
  counts: Counts,
): AsyncGenerator<string> {
  yield `${canonicalJson({ format: FORMAT, version: VERSION, position })}\n`;
  for await (const page of records) {
    for (const record of page) count(counts, record);
    yield page.map((record) => `${recordText(record)}\n`).join('');
  }
  yield `${canonicalJson({ end: counts })}\n`;
}

/** What `exportLines` wrote; INVALID_REQUEST, naming the line, when it isn't that, whole and undamaged. */
export async function* importRecords(lines: AsyncIterable<string>): AsyncGenerator<RegistryRecord> {
  const counts = noCounts();
  let at = 0;
  let hasEnded = false;
  for await (const line of lines) {
    at++;
    if (at === 1) {
      checkHeader(line);
    } else if (hasEnded) {
      throw wrong(at, 'something follows the end mark');
    } else if (line.startsWith('{"end":')) {
      hasEnded = true;
      if (line !== canonicalJson({ end: counts })) throw wrong(at, 'records are missing: the counts differ');
    } else {
      const read = readRecord(line);
      if ('corrupt' in read) throw wrong(at, `it ${read.corrupt}`);
      count(counts, read.record);
      yield read.record;
    }
  }
  if (!hasEnded) throw wrong(at, 'the file is cut off: it has no end mark');
}

function checkHeader(line: string): void {
  let header: { format?: unknown; version?: unknown };
  try {
    header = JSON.parse(line) as typeof header;
  } catch {
    throw wrong(1, 'it is no export of a registry');
  }
  if (header?.format !== FORMAT) throw wrong(1, 'it is no export of a registry');
  if (header.version !== VERSION)
    throw wrong(1, `it has format version ${String(header.version)}, and this Shoal reads ${VERSION} only`);
}

function wrong(line: number, why: string): ShoalError {
  return new ShoalError('INVALID_REQUEST', `line ${line}: ${why}`);
}
