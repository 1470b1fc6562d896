import { ShoalError } from '../../src/core/errors.ts';
import type {
  ListedObject,
  ObjectHead,
  ObjectStore,
  ObjectStream,
} from '../../src/stores/objects/objects.ts';

const PAGE = 3;

/** An object store whose calls a test can hold up and let fail: `before` is called before each of them. */
export class MemoryObjects implements ObjectStore {
  readonly held = new Map<string, Buffer>();
  before: (call: string, key: string) => Promise<void> | void = () => undefined;
  readonly calls: string[] = [];

  /** Fails what the test says, as a store that is away does. */
  fail(isFailing: (call: string, key: string) => boolean): void {
    this.before = (call, key) => {
      if (isFailing(call, key)) throw new ShoalError('STORE_UNAVAILABLE', `the object store: ${call} failed`);
    };
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#begin('put', key);
    this.held.set(key, Buffer.from(bytes));
  }

  async putStream(key: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#begin('putStream', key);
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    this.held.set(key, Buffer.concat(parts));
  }

  async get(key: string): Promise<Buffer | undefined> {
    await this.#begin('get', key);
    return this.held.get(key);
  }

  getStream(): Promise<ObjectStream | undefined> {
    throw new Error('not needed');
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    await this.#begin('head', key);
    const bytes = this.held.get(key);
    return bytes === undefined ? undefined : { bytes: bytes.length, modifiedMs: 0, etag: 'x' };
  }

  async *list(prefix: string): AsyncGenerator<readonly ListedObject[]> {
    await this.#begin('list', prefix);
    const keys = [...this.held.keys()].filter((key) => key.startsWith(prefix)).sort();
    for (let at = 0; at < keys.length; at += PAGE) {
      yield keys.slice(at, at + PAGE).map((key) => ({ key, bytes: 0, modifiedMs: 0 }));
    }
  }

  async touch(key: string): Promise<boolean> {
    await this.#begin('touch', key);
    return this.held.has(key);
  }

  async delete(key: string): Promise<void> {
    await this.#begin('delete', key);
    this.held.delete(key);
  }

  async deleteMany(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.delete(key);
  }

  async #begin(call: string, key: string): Promise<void> {
    this.calls.push(`${call} ${key}`);
    await this.before(call, key);
  }
}
