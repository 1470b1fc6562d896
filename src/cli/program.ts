import { Command, CommanderError, Option } from 'commander';
import { ShoalError } from '../core/errors.ts';
import { CliError, EXIT } from './exit.ts';
import { modelName, versionName, wholeNumber } from './parse.ts';
import { PRODUCT_VERSION } from './product-version.ts';
import { addRegistry } from './registry/commands.ts';
import { addRoles } from './role-commands.ts';
import { addSim } from './sim.ts';
import { addUp } from './up-command.ts';

const DEFAULT_SERVER = process.env['SHOAL_SERVER'] ?? 'http://127.0.0.1:8080';

/** Runs one command line and returns its exit code. Each command is loaded only when it is called. */
export async function run(args: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = new Command('shoal')
    .description(
      'Hosts one small model per customer, for hundreds of thousands of customers, on a small fleet.',
    )
    .version(PRODUCT_VERSION)
    .exitOverride()
    .showHelpAfterError('(add --help for examples)')
    .addHelpText('after', PROGRAM_HELP);
  const finish = (code: number): void => {
    exitCode = code;
  };
  addUp(program, finish);
  addRoles(program, finish);
  addPush(program, finish);
  addPredict(program, finish);
  addLookups(program, finish);
  addRegistry(program, finish);
  addSim(program, finish);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof CliError) && !(error instanceof ShoalError)) throw error;
    process.stderr.write(`shoal: ${error.message}\n`);
    if (error instanceof CliError) return error.exitCode;
    return error.code === 'STORE_UNAVAILABLE' ? EXIT.unreachable : EXIT.refused;
  }
}

type Finish = (code: number) => void;

const server = (): Option =>
  new Option('--server <url>', 'a running Shoal').default(DEFAULT_SERVER).env('SHOAL_SERVER');
const json = (): Option => new Option('--json', 'print JSON for scripts').default(false);

function addPush(program: Command, finish: Finish): void {
  program
    .command('push')
    .description('register many models: a directory of TENANT/MODEL/VERSION.onnx, or a manifest in NDJSON')
    .argument('<path>', 'directory or manifest.ndjson')
    .option('--no-activate', "register only; don't make the versions stable")
    .option('--dry-run', 'check everything, register nothing', false)
    .option('--rejects <file>', 'where rejected lines are written', 'shoal-rejects.ndjson')
    .addOption(server())
    .addOption(json())
    .addHelpText('after', PUSH_HELP)
    .action(async (path: string, options) =>
      finish(await (await import('./push/command.ts')).push(path, options)),
    );
}

function addPredict(program: Command, finish: Finish): void {
  program
    .command('predict')
    .description('ask one model')
    .argument('<tenant/model[@version]>', 'which model', modelName)
    .requiredOption(
      '-d, --data <json>',
      'an instance, an array of them, or a whole request; @file, - for stdin',
    )
    .option('--timeout-ms <n>', 'deadline of the prediction', wholeNumber(1, 60_000))
    .addOption(server())
    .addOption(json())
    .addHelpText('after', PREDICT_HELP)
    .action(async (name: ReturnType<typeof modelName>, options) =>
      finish(await (await import('./predict.ts')).predict(name, options)),
    );
}

function addLookups(program: Command, finish: Finish): void {
  const models = program
    .command('models')
    .description("list tenants, a tenant's models, or a model's versions")
    .argument('[tenant[/model]]')
    .addOption(server())
    .addOption(json())
    .addHelpText(
      'after',
      '\nExamples:\n  shoal models\n  shoal models acme\n  shoal models acme/churn\n  shoal models show acme/churn@7\n  shoal models why acme/churn\n  shoal models lift acme/churn@7',
    )
    .action(async (target: string | undefined, options) =>
      finish(await (await import('./models.ts')).models(target, options)),
    );
  models
    .command('show')
    .description('tell what runs each version, a plan or ONNX Runtime and why, and what it takes')
    .argument('<tenant/model[@version]>', 'which model', modelName)
    .addOption(server())
    .addOption(json())
    // Options of both commands are taken by the outer one, wherever they stand.
    .action(async (name: ReturnType<typeof modelName>, _options, command: Command) =>
      finish(await (await import('./show.ts')).show(name, command.optsWithGlobals())),
    );
  models
    .command('lift')
    .description('serve a version again that was put in quarantine for crashing its workers')
    .argument('<tenant/model@version>', 'which version', versionName)
    .addOption(server())
    .addOption(json())
    .action(async (name: ReturnType<typeof versionName>, _options, command: Command) =>
      finish(await (await import('./lift.ts')).lift(name, command.optsWithGlobals())),
    );
  models
    .command('why')
    .description('tell when a model was loaded and evicted, and what it would take to stay')
    .argument('<tenant/model[@version]>', 'which model', modelName)
    .addOption(server())
    .addOption(json())
    .action(async (name: ReturnType<typeof modelName>, _options, command: Command) =>
      finish(await (await import('./why.ts')).why(name, command.optsWithGlobals())),
    );
  program
    .command('traffic')
    .description('show or change which versions of a model serve')
    .argument('<tenant/model>', 'which model', modelName)
    .option('--stable <version>', 'the version that serves')
    .option('--canary <version:percent>', 'a version that takes a share; none ends it')
    .option('--shadow <version:percent>', 'a version that is run beside and not answered; none ends it')
    .addOption(server())
    .addOption(json())
    .addHelpText('after', TRAFFIC_HELP)
    .action(async (name: ReturnType<typeof modelName>, options) =>
      finish(await (await import('./traffic.ts')).traffic(name, options)),
    );
  program
    .command('placement')
    .description("show where a model runs, or all tenants' shards and how they overlap")
    .argument('[tenant[/model]]')
    .addOption(server())
    .addOption(json())
    .addHelpText(
      'after',
      '\nExamples:\n  shoal placement\n  shoal placement acme\n  shoal placement acme/churn',
    )
    .action(async (target: string | undefined, options) =>
      finish(await (await import('./placement.ts')).placement(target, options)),
    );
}

const PROGRAM_HELP = `
Examples:
  shoal up                                             start on this machine, with sample tenants
  shoal predict acme/churn -d '{"tenure_months": 12, ...}'
  shoal push ./models                                  register ./models/TENANT/MODEL/VERSION.onnx
  shoal traffic acme/churn --canary 8:5                5 % of the requests to version 8
  shoal router | worker | manager --help               one role of a fleet on Redis and S3

Exit codes: 0 done, 1 refused or partly rejected, 2 wrong command line, 3 server or store not reached.`;

const PUSH_HELP = `
Examples:
  shoal push ./models                                  ./models/acme/churn/7.onnx and, if there, 7.json (its config)
  shoal push manifest.ndjson                           lines like {"tenant":"acme","model":"churn","version":"7",
                                                       "artifact":{"path":"churn-7.onnx"}}
  shoal push ./models --dry-run --json

Pushing again is safe: what is registered already is answered as unchanged. If the connection breaks, what was
not answered is sent again.`;

const PREDICT_HELP = `
Examples:
  shoal predict acme/churn -d '{"tenure_months": 12, "monthly_spend": 49.84, ...}'
  shoal predict acme/churn@7 -d @request.json
  cat rows.json | shoal predict acme/churn -d -`;

const TRAFFIC_HELP = `
Examples:
  shoal traffic acme/churn
  shoal traffic acme/churn --stable 8 --canary none
  shoal traffic acme/churn --canary 9:2.5 --shadow 10:100`;
