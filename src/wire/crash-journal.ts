import { openSync, readFileSync, writeSync } from 'node:fs';
import type { ModelKey } from './model-key.ts';

/**
 * A worker's crash journal: what each lane is loading or running now, and why the process ends itself, so that
 * whoever started it can read after its death which models were at it. One small file, one slot a lane, each
 * written in place before the work begins. Written pages belong to the kernel: kill -9 and SIGSEGV lose nothing.
 */
const SLOT_BYTES = 512;
const HEAD_BYTES = 16;
const MAX_KEY_BYTES = SLOT_BYTES - HEAD_BYTES;

/** Slot 0 is the process's own; lane n has slot n + 1. */
export type SelfKillCause = 'hang' | 'memory' | 'bug';
const CAUSES: readonly (SelfKillCause | undefined)[] = [undefined, 'hang', 'memory', 'bug'];

export type LanePhase = 'loading' | 'running';
const PHASES: readonly (LanePhase | undefined)[] = [undefined, 'loading', 'running'];

/** What a lane was at when its process ended. */
export interface JournalEntry {
  readonly lane: number;
  readonly phase: LanePhase;
  readonly key: ModelKey;
  /** The model had finished a run in this process before: a death then says little about it. */
  readonly hasRun: boolean;
}

export interface CrashReport {
  /** Why it ended itself; undefined: something else ended it. */
  readonly cause: SelfKillCause | undefined;
  readonly entries: readonly JournalEntry[];
}

/** Writes one slot of a journal. Slot: u8 phase or cause | u8 has run | u16 key bytes | 16 key. */
export class JournalSlot {
  readonly #fd: number;
  readonly #at: number;
  readonly #bytes = Buffer.alloc(SLOT_BYTES);

  constructor(fd: number, slot: number) {
    this.#fd = fd;
    this.#at = slot * SLOT_BYTES;
  }

  begin(phase: LanePhase, key: ModelKey, hasRun: boolean): void {
    const length = this.#bytes.write(key, HEAD_BYTES, MAX_KEY_BYTES, 'latin1');
    this.#bytes[0] = PHASES.indexOf(phase);
    this.#bytes[1] = hasRun ? 1 : 0;
    this.#bytes.writeUInt16LE(length, 2);
    writeSync(this.#fd, this.#bytes, 0, HEAD_BYTES + length, this.#at);
  }

  idle(): void {
    this.#bytes[0] = 0;
    writeSync(this.#fd, this.#bytes, 0, 1, this.#at);
  }

  /** For slot 0. */
  selfKill(cause: SelfKillCause): void {
    this.#bytes[0] = CAUSES.indexOf(cause);
    writeSync(this.#fd, this.#bytes, 0, 1, this.#at);
  }
}

export function processSlot(fd: number): JournalSlot {
  return new JournalSlot(fd, 0);
}

export function laneSlot(fd: number, lane: number): JournalSlot {
  return new JournalSlot(fd, lane + 1);
}

/** A descriptor for writing; an earlier process's journal is emptied. */
export function openJournal(file: string): number {
  return openSync(file, 'w', 0o600);
}

/** What a process that is gone left behind. A file that is missing, short or cut says nothing of what is missing. */
export function readJournal(file: string): CrashReport {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { cause: undefined, entries: [] };
    throw error;
  }
  const entries: JournalEntry[] = [];
  for (let at = SLOT_BYTES; at + HEAD_BYTES <= bytes.length; at += SLOT_BYTES) {
    const phase = PHASES[bytes[at] as number];
    const keyEnd = at + HEAD_BYTES + bytes.readUInt16LE(at + 2);
    if (phase === undefined || keyEnd > bytes.length) continue;
    const key = bytes.toString('latin1', at + HEAD_BYTES, keyEnd);
    entries.push({ lane: at / SLOT_BYTES - 1, phase, key, hasRun: bytes[at + 1] === 1 });
  }
  return { cause: CAUSES[bytes[0] ?? 0], entries };
}
