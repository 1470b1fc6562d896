import { type Command, InvalidArgumentError, Option } from 'commander';
import { ARRIVALS, type Arrivals } from '../../sim/workload/arrivals.ts';
import { DEFAULT_MIX, formatMix, type Mix, parseMix } from '../../sim/workload/mix.ts';
import { durationMs, wholeNumber } from './parse.ts';

/** What makes a workload; `models` and `load` agree on it when these are the same. */
export interface WorkloadOptions {
  readonly count: number;
  readonly mix: Mix;
  readonly seed: number;
  readonly json: boolean;
}

export interface SimModelsOptions extends WorkloadOptions {
  readonly distinct?: number;
  readonly out?: string;
  readonly push?: string;
}

export interface SimLoadOptions extends WorkloadOptions {
  readonly target: string;
  readonly zipf: number;
  readonly rate: number;
  readonly duration: number;
  readonly arrivals: Arrivals;
  readonly rows: number;
  readonly maxInFlight: number;
}

/** `shoal sim`: workloads for trying and measuring a Shoal. */
export function addSim(program: Command, finish: (code: number) => void): void {
  const sim = program.command('sim').description('generate models and traffic to try and measure a Shoal');
  addWorkload(sim.command('models').description('make valid ONNX models of a mix of kinds'))
    .option('--out <dir>', 'write TENANT/MODEL/VERSION.onnx and manifest.ndjson here')
    .option('--push <url>', 'register them at a running Shoal instead')
    .option(
      '--distinct <n>',
      'different artifacts a kind, shared by all models of it (default: each model its own)',
      wholeNumber(1, 10_000_000),
    )
    .addHelpText('after', MODELS_HELP)
    .action(async (options: SimModelsOptions) =>
      finish(await (await import('./sim-models.ts')).simModels(options)),
    );
  addWorkload(sim.command('load').description('send open-loop traffic to those models and measure it'))
    .option(
      '--target <url>',
      'a running Shoal that has them',
      process.env['SHOAL_SERVER'] ?? 'http://127.0.0.1:8080',
    )
    .option('--zipf <s>', 'popularity of the rank k model: k^-s; 0 is even', decimal(0, 10), 1)
    .option('--rate <n>', 'arrivals a second', decimal(0.001, 1_000_000), 100)
    .addOption(
      new Option('--duration <time>', 'how long requests arrive, like 500ms, 60s or 5m')
        .argParser(durationMs)
        .default(10_000, '10s'),
    )
    .addOption(new Option('--arrivals <kind>', 'gaps between arrivals').choices(ARRIVALS).default('poisson'))
    .option('--rows <n>', 'instances a request', wholeNumber(1, 4_096), 1)
    .option(
      '--max-in-flight <n>',
      'connections; what arrives beyond is dropped and counted',
      wholeNumber(1, 10_000),
      512,
    )
    .addHelpText('after', LOAD_HELP)
    .action(async (options: SimLoadOptions) =>
      finish(await (await import('./sim-load.ts')).simLoad(options)),
    );
}

function addWorkload(command: Command): Command {
  return command
    .option('--count <n>', 'models, each of a tenant of its own', wholeNumber(1, 10_000_000), 1_000)
    .addOption(
      new Option('--mix <kind=percent,...>', 'kinds of models')
        .argParser(mix)
        .default(DEFAULT_MIX, formatMix(DEFAULT_MIX)),
    )
    .option('--seed <n>', 'everything follows from it', wholeNumber(0, 0xffff_ffff), 1)
    .option('--json', 'print JSON for scripts', false);
}

function mix(text: string): Mix {
  try {
    return parseMix(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+(\.\d+)?$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected a number from ${min} to ${max}.`);
    }
    return value;
  };
}

const MODELS_HELP = `
Kinds: linear (about 1 KB), small-trees (50 to 200 KB), large-trees (1 to 7 MB), network (10 MB and more).
The same seed, count and mix make the same models, byte for byte.

Examples:
  shoal sim models --count 1000 --out ./models && shoal push ./models/manifest.ndjson
  shoal sim models --count 20000 --mix linear=60,small-trees=40 --push http://127.0.0.1:8080
  shoal sim models --count 500000 --distinct 200 --push http://127.0.0.1:8080`;

const LOAD_HELP = `
Requests go out when the seed says, however slow the server is; latency counts from then. Give the seed, count and
mix of "shoal sim models".

Examples:
  shoal sim load --count 1000 --rate 500 --duration 60s
  shoal sim load --count 100000 --zipf 1.1 --rate 3000 --arrivals constant --json`;
