/**
 * A place in a registry's changes. Revisions grow within a history; a registry that was restored, rebuilt or imported
 * begins a new history, and revisions of two histories can't be compared: who follows loads a new snapshot, in which
 * entries may be older than those it has.
 */
export interface Position {
  readonly history: string;
  readonly revision: number;
}
