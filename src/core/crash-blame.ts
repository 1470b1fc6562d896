/** How a worker's process ended: by an exit code or a signal, and what its crash journal says. */
export interface ProcessEnd {
  readonly signal: string | null;
  /** Why it ended itself; undefined: it didn't say so. */
  readonly cause: 'hang' | 'memory' | 'machine-memory' | 'bug' | undefined;
  readonly atWork: readonly AtWork[];
}

export interface AtWork {
  readonly key: string;
  readonly phase: 'loading' | 'running' | 'releasing';
  /** It had finished a run in that process before. */
  readonly hasRun: boolean;
  /** Its lane is the one that the process ended itself for. */
  readonly isCulprit: boolean;
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

/** Who gets a strike for the end of a worker, each model once. */
export function blame(end: ProcessEnd): Blame[] {
  const blamed = whoMayHaveDoneIt(end).map((entry) => ({ key: entry.key, reason: reasonOf(end, entry) }));
  return [...new Map(blamed.map((one) => [one.key, one])).values()];
}

/**
 * Whatever was at work may have crashed native code. A hang is that of one lane; who used up the memory rarely is
 * one that has run before. A SIGKILL that nobody explains came from an operator or from the kernel for want of
 * memory, and a machine without memory is nobody's doing in particular: only a model that has yet to finish a run
 * there is suspicious enough. An exit and a bug of the worker's own are no model's fault.
 */
function whoMayHaveDoneIt({ signal, cause, atWork }: ProcessEnd): readonly AtWork[] {
  const culprits = atWork.filter(({ isCulprit }) => isCulprit);
  const newcomers = atWork.filter(({ hasRun }) => !hasRun);
  if (cause === 'hang') return culprits;
  if (cause === 'memory') return [culprits, newcomers, atWork].find((some) => some.length > 0) ?? [];
  if (cause === 'machine-memory') return newcomers;
  if (cause === 'bug' || signal === null) return [];
  if (FATAL.has(signal)) return atWork;
  return signal === 'SIGKILL' ? newcomers : [];
}

const WHEN = {
  loading: 'while it was loaded',
  running: 'while it ran',
  releasing: 'while it was released',
} as const satisfies Record<AtWork['phase'], string>;

function reasonOf({ signal, cause }: ProcessEnd, { phase }: AtWork): string {
  const when = WHEN[phase];
  if (cause === 'hang') return `held its worker longer than the limit laneHangMs ${when}`;
  if (cause === 'memory') return `used up its worker's memory ${when}`;
  if (cause === 'machine-memory')
    return `was the first time at work when its worker ended for want of memory on the machine, ${when}`;
  if (signal !== 'SIGKILL') return `crashed its worker ${when} (${signal})`;
  return `was the first time at work when its worker was killed, ${when} (SIGKILL)`;
}
