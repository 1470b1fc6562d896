/** How a worker's process ended: by an exit code or a signal, and what its crash journal says. */
export interface ProcessEnd {
  readonly signal: string | null;
  /** Why it ended itself; undefined: it didn't say so. */
  readonly cause: 'hang' | 'memory' | 'bug' | undefined;
  readonly atWork: readonly AtWork[];
}

export interface AtWork {
  readonly key: string;
  readonly phase: 'loading' | 'running';
  /** It had finished a run in that process before. */
  readonly hasRun: boolean;
}

export interface Blame {
  readonly key: string;
  /** What it did, in words for its owner that go on after "it". */
  readonly reason: string;
}

/** Signals that native code gets for what it does itself. */
const FATAL: ReadonlySet<string> = new Set([
  'SIGSEGV',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  'SIGABRT',
  'SIGTRAP',
  'SIGSYS',
]);

/**
 * Who gets a strike for the end of a worker, each model once. Whatever was at work may have done it. A SIGKILL that
 * nobody explains came from an operator or from the kernel for want of memory: only a model that has yet to finish
 * a run there is suspicious enough. An exit and a bug of the worker's own are no model's fault.
 */
export function blame({ signal, cause, atWork }: ProcessEnd): Blame[] {
  const blamed = new Map<string, Blame>();
  for (const entry of atWork) {
    const reason = reasonOf(signal, cause, entry);
    if (reason !== undefined) blamed.set(entry.key, { key: entry.key, reason });
  }
  return [...blamed.values()];
}

function reasonOf(signal: string | null, cause: ProcessEnd['cause'], entry: AtWork): string | undefined {
  const when = entry.phase === 'loading' ? 'while it was loaded' : 'while it ran';
  if (cause === 'hang') return `held its worker longer than the limit laneHangMs ${when}`;
  if (cause === 'memory') return `used up its worker's memory ${when}`;
  if (cause !== undefined || signal === null) return undefined;
  if (FATAL.has(signal)) return `crashed its worker ${when} (${signal})`;
  if (signal !== 'SIGKILL' || entry.hasRun) return undefined;
  return `was the first time at work when its worker was killed, ${when} (SIGKILL)`;
}
