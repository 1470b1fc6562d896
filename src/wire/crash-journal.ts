import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { ModelKey } from './model-key.ts';

/**
 * A worker's crash journal: what each lane is loading or running now, and why the process ends itself, so that
 * whoever started it can read after its death which models were at it. One small file, one slot a lane, each
 * written in place before the work begins. Written pages belong to the kernel: kill -9 and SIGSEGV lose nothing.
 */
const SLOT_BYTES = 512;
const HEAD_BYTES = 16;
/** The longest key: tenant 63, model 128, version 64, digest 71, with their three separators 329. */
const MAX_KEY_BYTES = SLOT_BYTES - HEAD_BYTES;

/**
 * Slot 0 is the process's own; lane n has slot n + 1. What a process says of its own end; `machine-memory`: it was
 * beyond its promise when the machine's memory was nearly gone, but not by much.
 */
export type SelfKillCause = 'hang' | 'memory' | 'machine-memory' | 'bug';
const CAUSES: readonly (SelfKillCause | undefined)[] = [undefined, 'hang', 'memory', 'bug', 'machine-memory'];

export type LanePhase = 'loading' | 'running' | 'releasing';
const PHASES: readonly (LanePhase | undefined)[] = [undefined, 'loading', 'running', 'releasing'];

/** What a lane was at when its process ended. */
export interface JournalEntry {
  readonly lane: number;
  readonly phase: LanePhase;
  readonly key: ModelKey;
  /** The model had finished a run in this process before: a death then says little about it. */
  readonly hasRun: boolean;
  /** Its lane is the one that the process ended itself for. */
  readonly isCulprit: boolean;
}

export interface CrashReport {
  /** Why it ended itself; undefined: something else ended it. */
  readonly cause: SelfKillCause | undefined;
  readonly entries: readonly JournalEntry[];
}

/** Writes one lane's slot: u8 phase | u8 has run | u16 key bytes | 16 key. Slot 0: u8 cause | u8 0 | u16 lane + 1, 0 for none. */
export class JournalSlot {
  readonly #fd: number;
  readonly #at: number;
  readonly #bytes = Buffer.alloc(SLOT_BYTES);
  #key: ModelKey | undefined;

  constructor(fd: number, lane: number) {
    this.#fd = fd;
    this.#at = (lane + 1) * SLOT_BYTES;
  }

  /** Writes nothing when the slot says so already. */
  begin(phase: LanePhase, key: ModelKey, hasRun: boolean): void {
    const phaseByte = PHASES.indexOf(phase);
    const hasRunByte = hasRun ? 1 : 0;
    if (key === this.#key && this.#bytes[0] === phaseByte && this.#bytes[1] === hasRunByte) return;
    const length = this.#bytes.write(key, HEAD_BYTES, MAX_KEY_BYTES, 'latin1');
    this.#bytes[0] = phaseByte;
    this.#bytes[1] = hasRunByte;
    this.#bytes.writeUInt16LE(length, 2);
    this.#key = key;
    writeSync(this.#fd, this.#bytes, 0, HEAD_BYTES + length, this.#at);
  }

  idle(): void {
    this.#key = undefined;
    this.#bytes[0] = 0;
    writeSync(this.#fd, this.#bytes, 0, 1, this.#at);
  }
}

/** The journal as its process sees it: made before its lanes start, ended with a cause or cleared. */
export class CrashJournal {
  /** For the slots of the lanes: descriptors are the whole process's. */
  readonly fd: number;
  readonly #bytes: number;

  /** Makes the file anew, in its full size: a disk that fills up later doesn't stop the lanes. */
  constructor(file: string, lanes: number) {
    this.fd = openSync(file, 'w', 0o600);
    this.#bytes = (lanes + 1) * SLOT_BYTES;
    this.clear();
  }

  /** Why the process ends itself, and for which lane if it is one; what its lanes are at stays in the journal. */
  selfKill(cause: SelfKillCause, lane?: number): void {
    const bytes = Buffer.of(CAUSES.indexOf(cause), 0, 0, 0);
    bytes.writeUInt16LE(lane === undefined ? 0 : lane + 1, 2);
    writeSync(this.fd, bytes, 0, bytes.length, 0);
  }

  /** Nothing was at work: the process ends in good order, or with its parent. */
  clear(): void {
    writeSync(this.fd, new Uint8Array(this.#bytes), 0, this.#bytes, 0);
  }

  close(): void {
    closeSync(this.fd);
  }
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
  const culprit = bytes.length < HEAD_BYTES ? -1 : bytes.readUInt16LE(2) - 1;
  const entries: JournalEntry[] = [];
  for (let at = SLOT_BYTES; at + HEAD_BYTES <= bytes.length; at += SLOT_BYTES) {
    const phase = PHASES[bytes[at] as number];
    const keyLength = bytes.readUInt16LE(at + 2);
    const keyEnd = at + HEAD_BYTES + keyLength;
    if (phase === undefined || keyLength === 0 || keyLength > MAX_KEY_BYTES || keyEnd > bytes.length)
      continue;
    const key = bytes.toString('latin1', at + HEAD_BYTES, keyEnd);
    const lane = at / SLOT_BYTES - 1;
    entries.push({ lane, phase, key, hasRun: bytes[at + 1] === 1, isCulprit: lane === culprit });
  }
  return { cause: CAUSES[bytes[0] ?? 0], entries };
}
