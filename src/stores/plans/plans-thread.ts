import { workerData } from 'piscina';
import { openSqliteFile } from '../sqlite/file.ts';
import { Statements } from '../sqlite/statements.ts';
import { answerOf, type ThreadAnswer, type ThreadCall } from '../sqlite/thread.ts';
import { PlanTables } from './plan-tables.ts';
import { PLANS_FILE } from './plans-file.ts';

/** The thread that owns the plans' file. */
let tables: PlanTables | undefined;

export default function run({ operation, args }: ThreadCall): ThreadAnswer {
  return answerOf(PLANS_FILE.store, () => {
    tables ??= open(workerData as string);
    return (tables[operation as keyof PlanTables] as (...args: unknown[]) => unknown).apply(tables, [
      ...args,
    ]);
  });
}

function open(file: string): PlanTables {
  const db = openSqliteFile(file, PLANS_FILE);
  // A log that one large plan has grown is cut again.
  db.exec('PRAGMA journal_size_limit = 67108864');
  return new PlanTables(new Statements(db));
}
