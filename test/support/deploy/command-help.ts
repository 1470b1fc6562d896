import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));

export interface CommandHelp {
  /** Like `--registry`; true: it takes a value. */
  readonly flags: ReadonlyMap<string, boolean>;
  /** Variables of the environment that it speaks of. */
  readonly env: ReadonlySet<string>;
}

/** What `shoal <command> --help` says that it takes. */
export async function commandHelp(command: string): Promise<CommandHelp> {
  const node = ['--disable-warning=ExperimentalWarning', MAIN, command, '--help'];
  const { stdout } = await promisify(execFile)(process.execPath, node);
  const flags = new Map<string, boolean>();
  for (const [, flag = '', value] of stdout.matchAll(/^\s+(?:-\w, )?(--[\w-]+)(?: ([<[]))?/gm))
    flags.set(flag, value !== undefined);
  return { flags, env: new Set(stdout.match(/\b(?:SHOAL|AWS)_[A-Z0-9_]+/g)) };
}

/** What is wrong with a command line of a role and its environment; nothing: it would start. */
export function misused(help: CommandHelp, args: readonly string[], env: readonly string[]): string[] {
  const wrong = env.filter((name) => /^(SHOAL|AWS)_/.test(name) && !help.env.has(name));
  const rest = [...args];
  while (rest.length > 0) {
    const [flag = '', given] = (rest.shift() as string).split(/=(.*)/s);
    const takesValue = help.flags.get(flag);
    if (takesValue === undefined) wrong.push(flag);
    else if (takesValue && given === undefined && rest.shift() === undefined)
      wrong.push(`${flag} has no value`);
  }
  return wrong;
}
