import path from 'node:path';
import { writeModels } from '../../sim/models/files.ts';
import { formatMix, type Kind, KINDS } from '../../sim/workload/mix.ts';
import { ShoalClient } from './client.ts';
import { CliError, EXIT } from './exit.ts';
import { formatBytes, print, table } from './output.ts';
import { type PushAnswer, pushItems } from './push/stream.ts';
import type { SimModelsOptions } from './sim.ts';
import { printSeed, progressBar } from './sim-progress.ts';
import { SimSource } from './sim-source.ts';

const SHOWN_REJECTS = 20;

/** `shoal sim models`: to files, or straight into a running Shoal. */
export async function simModels(options: SimModelsOptions): Promise<number> {
  const { out, push } = options;
  if (out !== undefined && push === undefined) {
    printSeed(options);
    return toFiles(out, options);
  }
  if (push !== undefined && out === undefined) {
    printSeed(options);
    return toServer(push, options);
  }
  throw new CliError('say where the models go: --out <dir> or --push <url>', EXIT.usage);
}

async function toFiles(out: string, options: SimModelsOptions): Promise<number> {
  const totals = new Map<Kind, { models: number; artifacts: number; bytes: number }>(
    KINDS.map((kind) => [kind, { models: 0, artifacts: 0, bytes: 0 }]),
  );
  const startedAt = performance.now();
  const elapsed = (): number => (performance.now() - startedAt) / 1000;
  let written = 0;
  const bar = progressBar(
    {
      json: options.json,
      total: options.count,
      format: '{bar} {percentage}% | {value}/{total} | {rate}/s | {eta_formatted} left',
    },
    { rate: 0 },
  );
  try {
    await writeModels(out, options, {
      ...(options.distinct === undefined ? {} : { distinct: options.distinct }),
      onWritten({ model, bytes }) {
        const total = totals.get(model.kind) as { models: number; artifacts: number; bytes: number };
        total.models++;
        if (bytes > 0) total.artifacts++;
        total.bytes += bytes;
        bar?.update(++written, { rate: Math.round(written / elapsed()) });
      },
    });
  } finally {
    bar?.stop();
  }
  const manifest = path.join(out, 'manifest.ndjson');
  const seconds = elapsed();
  if (options.json) {
    print(JSON.stringify({ seed: options.seed, manifest, seconds, kinds: Object.fromEntries(totals) }));
    return EXIT.ok;
  }
  const rows = [...totals].map(([kind, { models, artifacts, bytes }]) => [
    kind,
    String(models),
    String(artifacts),
    formatBytes(bytes),
  ]);
  print(table(['kind', 'models', 'artifacts', 'size'], rows));
  print(`${written} models in ${seconds.toFixed(1)} s; register them: shoal push ${manifest}`);
  return EXIT.ok;
}

async function toServer(server: string, options: SimModelsOptions): Promise<number> {
  const source = new SimSource(options, options.distinct);
  const client = new ShoalClient(server);
  const counts = { registered: 0, unchanged: 0, rejected: 0 };
  const rejects: PushAnswer[] = [];
  const startedAt = performance.now();
  let answered = 0;
  const rate = (): number => answered / ((performance.now() - startedAt) / 1000);
  const bar = progressBar(
    {
      json: options.json,
      total: options.count,
      format: '{bar} {percentage}% | {value}/{total} | {rate}/s | {rejected} rejected | {eta_formatted} left',
    },
    { rate: 0, rejected: 0 },
  );
  const onAnswer = (answer: PushAnswer): void => {
    answered++;
    counts[answer.status]++;
    if (answer.status === 'rejected' && rejects.length < SHOWN_REJECTS) rejects.push(answer);
    bar?.update(answered, { rate: Math.round(rate()), rejected: counts.rejected });
  };
  try {
    const push = { dryRun: false, onAnswer };
    await pushItems(client, source.withBytes(), push);
    // Only now are all digests there that these name.
    if (options.distinct !== undefined) await pushItems(client, source.withDigests(), push);
  } finally {
    bar?.stop();
    await client.close();
  }
  const perSecond = Math.round(rate());
  const seconds = (performance.now() - startedAt) / 1000;
  if (options.json) print(JSON.stringify({ seed: options.seed, ...counts, seconds, perSecond, rejects }));
  else {
    for (const { from, error } of rejects) print(`rejected ${from}: ${error?.code}: ${error?.message}`);
    print(
      `${counts.registered} registered, ${counts.unchanged} unchanged, ${counts.rejected} rejected in ${seconds.toFixed(1)} s (${perSecond}/s)`,
    );
    print(
      `now: shoal sim load --target ${client.origin} --count ${options.count} --mix ${formatMix(options.mix)} --seed ${options.seed}`,
    );
  }
  return counts.rejected > 0 ? EXIT.refused : EXIT.ok;
}
