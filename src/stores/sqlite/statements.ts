import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** A database with its prepared statements. */
export class Statements {
  readonly db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.db = db;
  }

  /** Prepared once a text; the texts are constants. */
  sql(text: string): StatementSync {
    let statement = this.#prepared.get(text);
    if (statement === undefined) {
      statement = this.db.prepare(text);
      this.#prepared.set(text, statement);
    }
    return statement;
  }

  /** All or nothing. */
  transaction<T>(change: () => T): T {
    this.sql('BEGIN IMMEDIATE').run();
    try {
      const result = change();
      this.sql('COMMIT').run();
      return result;
    } catch (error) {
      // SQLite has rolled back by itself after some failures (a full disk), and not after others.
      if (this.db.isTransaction) this.sql('ROLLBACK').run();
      throw error;
    }
  }
}
