import { createLogger } from '../telemetry/logger.ts';
import type { WorkerCommand, WorkerMessage, WorkerProcessConfig } from '../wire/worker-process.ts';
import { CrashJournal, type SelfKillCause } from '../wire/crash-journal.ts';
import { laneThreads, startWorker, type Worker } from './worker.ts';

/**
 * A worker as a process of its own, started by child_process.fork (wire/worker-process.ts). Its life hangs on its
 * parent: when the channel breaks it is gone at once, even with a lane stuck in native code, which no exit handler
 * would survive. Signals of the terminal go to the whole process group; what to do about them the parent decides.
 */
process.on('disconnect', onParentGone);
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
// The parent may have died while the modules were being loaded: nobody was listening then.
if (!process.connected) onParentGone();

/** Resolves to undefined when it could not start; parent and log know why then. */
let worker: Promise<Worker | undefined> | undefined;
let journal: CrashJournal | undefined;

process.on('message', (command: WorkerCommand) => {
  if ('type' in command) {
    if (command.type === 'stop') void stop();
    else void worker?.then((started) => started?.setSuspects(command.keys));
  } else worker = start(command);
});

async function start(config: WorkerProcessConfig): Promise<Worker | undefined> {
  const logger = createLogger(config.id, config.logLevel);
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'uncaught error; the worker ends, to be started anew');
    dieOf('bug');
  });
  const clock = (): number => performance.now();
  try {
    const onLost = (error: Error, cause: SelfKillCause, lane?: number): void => {
      logger.fatal(
        { err: error, cause, lane },
        'a lane is lost and its models with it; the worker ends, to be started anew',
      );
      dieOf(cause, lane);
    };
    journal = new CrashJournal(config.journalFile, laneThreads(config));
    const started = await startWorker({ config, logger, clock, journal, onLost });
    logger.info(
      { address: started.address, lanes: config.lanes, budgetBytes: config.budgetBytes },
      'worker ready',
    );
    tell({ type: 'ready', address: started.address });
    return started;
  } catch (error) {
    logger.fatal({ err: error }, 'worker could not start');
    tell({ type: 'failed', message: (error as Error).message }, () => process.exit(1));
    return undefined;
  }
}

/** Exit code 0: everything under way was answered. Killed: it was not. */
async function stop(): Promise<void> {
  const drained = await (await worker)?.stop();
  journal?.clear();
  if (drained === true) process.exit(0);
  dieNow();
}

/** Not the fault of what is at work. */
function onParentGone(): void {
  journal?.clear();
  dieNow();
}

/** What is at work stays in the journal, for the parent to judge. */
function dieOf(cause: SelfKillCause, lane?: number): void {
  journal?.selfKill(cause, lane);
  dieNow();
}

/** process.exit would wait for threads, and one in native code may never come back. */
function dieNow(): void {
  process.kill(process.pid, 'SIGKILL');
}

function tell(message: WorkerMessage, sent: () => void = () => undefined): void {
  process.send?.(message, undefined, undefined, sent);
}
