/** What a shell sees. Scripts may rely on these. */
export const EXIT = {
  ok: 0,
  /** The server answered with an error, or some lines of a push were rejected. */
  refused: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The server or a store can't be reached, or the connection was lost. */
  unreachable: 3,
} as const;

/** Ends a command with a message for a person and an exit code for a script. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.refused, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}
