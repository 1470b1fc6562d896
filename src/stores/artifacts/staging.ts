import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { errnoCode } from '../store-error.ts';

/** A file of a machine or container that we can't ask is taken for abandoned after this long without a write. */
const ABANDONED_MS = 60 * 60 * 1000;

const CHUNK_BYTES = 1024 * 1024;

/** Names in use by this process, so that a second store opened here on the same directory spares them. */
const ours = new Set<string>();
const prefix = `${hostname().replaceAll(/[^A-Za-z0-9-]/g, '-')}.${process.pid}.`;

/** The directory where files are written before they get their name. Names say who writes: host.pid.random. */
export class Staging {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes the directory and removes what writers that died have left in it. */
  static async open(directory: string): Promise<Staging> {
    await mkdir(directory, { recursive: true });
    for (const name of await readdir(directory)) {
      if (await isStale(join(directory, name), name)) await rm(join(directory, name), { force: true });
    }
    return new Staging(directory);
  }

  async create(): Promise<StagingFile> {
    const name = prefix + randomUUID();
    ours.add(name);
    try {
      const path = join(this.#directory, name);
      return new StagingFile(name, path, await open(path, 'wx+'));
    } catch (error) {
      ours.delete(name);
      throw error;
    }
  }
}

export class StagingFile {
  readonly #path: string;
  readonly #name: string;
  readonly #handle: FileHandle;
  #isRenamed = false;

  constructor(name: string, path: string, handle: FileHandle) {
    this.#name = name;
    this.#path = path;
    this.#handle = handle;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; ) {
      at += (await this.#handle.write(bytes, at)).bytesWritten;
    }
  }

  /** All that was written, wherever the file is by now. */
  async read(bytes: number): Promise<Buffer> {
    const content = Buffer.allocUnsafe(bytes);
    for (let at = 0; at < bytes; ) {
      const { bytesRead } = await this.#handle.read(content, at, bytes - at, at);
      if (bytesRead === 0) throw new Error(`a staging file has ${at} of ${bytes} bytes`);
      at += bytesRead;
    }
    return content;
  }

  /** The same in pieces; each call gives it from its beginning. */
  async *chunks(bytes: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes; ) {
      const size = Math.min(CHUNK_BYTES, bytes - at);
      const { bytesRead, buffer } = await this.#handle.read(Buffer.allocUnsafe(size), 0, size, at);
      if (bytesRead === 0) throw new Error(`a staging file has ${at} of ${bytes} bytes`);
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  /** The content is durable when this returns; the name isn't. */
  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async rename(path: string): Promise<void> {
    await rename(this.#path, path);
    this.#isRenamed = true;
  }

  /** Closes it, and removes it unless it was renamed. */
  async discard(): Promise<void> {
    try {
      await this.#handle.close();
      if (!this.#isRenamed) await rm(this.#path, { force: true });
    } finally {
      ours.delete(this.#name);
    }
  }
}

async function isStale(path: string, name: string): Promise<boolean> {
  const [host, pid] = name.split('.');
  if (name.startsWith(prefix)) return !ours.has(name);
  if (host === prefix.split('.')[0] && !isAlive(Number(pid))) return true;
  try {
    return Date.now() - (await stat(path)).mtimeMs > ABANDONED_MS;
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return false;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoCode(error) !== 'ESRCH';
  }
}
