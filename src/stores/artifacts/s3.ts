import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkDigest, type Digest, isDigest } from '../../core/ids.ts';
import { InTurn } from '../../core/in-turn.ts';
import type { Limits } from '../../core/limits.ts';
import type { ObjectHead, ObjectStore } from '../objects/objects.ts';
import { SoundObjects } from '../objects/sound-objects.ts';
import { CorruptContentError, storeUnavailable } from '../store-error.ts';
import type { ArtifactStore, ListedArtifact, ReceivedArtifact, StoredArtifact } from './artifacts.ts';
import { digestOf } from './digest.ts';
import { type Spooled, spool } from './spool.ts';
import { Staging } from './staging.ts';

const PREFIX = 'artifacts/';

/** Artifacts as objects `artifacts/<64 hex>`; what is received waits in memory or below the machine's `tmpdir()`. */
export async function openS3Artifacts(
  objects: ObjectStore,
  limits: Pick<Limits, 's3SpoolBytes'>,
): Promise<ArtifactStore> {
  try {
    const staging = await Staging.open(join(tmpdir(), 'shoal-artifacts'));
    return new S3Artifacts(objects, staging, limits.s3SpoolBytes);
  } catch (error) {
    throw storeUnavailable('artifact store', 'making a directory for temporary files', error);
  }
}

class S3Artifacts implements ArtifactStore {
  readonly #objects: ObjectStore;
  readonly #staging: Staging;
  readonly #memoryBytes: number;
  readonly #sound: SoundObjects;
  /** Puts, uses and deletes of one digest; other processes put and use only, the one that leads deletes. */
  readonly #placing = new InTurn<Digest>();

  constructor(objects: ObjectStore, staging: Staging, memoryBytes: number) {
    this.#objects = objects;
    this.#staging = staging;
    this.#memoryBytes = memoryBytes;
    this.#sound = new SoundObjects(objects);
  }

  async put(
    source: AsyncIterable<Uint8Array>,
    options: { maxBytes: number; digest?: Digest },
  ): Promise<StoredArtifact> {
    const received = await this.receive(source, options);
    try {
      await received.store();
      return { digest: received.digest, bytes: received.bytes };
    } finally {
      await received.discard();
    }
  }

  async receive(
    source: AsyncIterable<Uint8Array>,
    options: { maxBytes: number; digest?: Digest },
  ): Promise<ReceivedArtifact> {
    const spooled = await spool(source, this.#staging, { ...options, memoryBytes: this.#memoryBytes });
    const { digest, bytes } = spooled;
    return {
      digest,
      bytes,
      read: () => spooled.read(),
      store: () => this.#placing.run(digest, () => this.#store(spooled)),
      discard: () => spooled.discard(),
    };
  }

  async putBytes(bytes: Uint8Array): Promise<StoredArtifact> {
    const digest = await digestOf(bytes);
    await this.#placing.run(digest, () => this.#putWhole(digest, bytes));
    return { digest, bytes: bytes.byteLength };
  }

  async stat(digest: Digest): Promise<StoredArtifact | undefined> {
    const head = await this.#objects.head(keyOf(digest));
    return head === undefined ? undefined : { digest, bytes: head.bytes };
  }

  read(digest: Digest): Promise<Buffer | undefined> {
    return readS3Artifact(this.#objects, digest);
  }

  async stream(digest: Digest): Promise<AsyncIterable<Uint8Array> | undefined> {
    return (await this.#objects.getStream(keyOf(digest)))?.chunks;
  }

  holds(digest: Digest): Promise<boolean> {
    return this.#placing.run(digest, () => this.#isSound(digest));
  }

  async *list(): AsyncGenerator<ListedArtifact> {
    for await (const page of this.#objects.list(PREFIX)) {
      for (const { key, bytes, modifiedMs } of page) {
        const digest = `sha256:${key.slice(PREFIX.length)}`;
        if (isDigest(digest)) yield { digest, bytes, usedMs: modifiedMs };
      }
    }
  }

  delete(digest: Digest, unusedMs: number): Promise<boolean> {
    return this.#placing.run(digest, () => this.#sound.deleteUnused(keyOf(digest), unusedMs));
  }

  async #store(spooled: Spooled): Promise<void> {
    const { digest, bytes, inMemory } = spooled;
    if (inMemory !== undefined) return this.#putWhole(digest, inMemory);
    if (await this.#isSound(digest)) return;
    this.#sound.forget(keyOf(digest));
    await this.#objects.putStream(keyOf(digest), spooled.chunks(), bytes);
  }

  /** What is small is written without asking first: that is one call in place of two, makes it young, and mends it. */
  async #putWhole(digest: Digest, bytes: Uint8Array): Promise<void> {
    const isLarge = bytes.byteLength > this.#memoryBytes;
    if (isLarge && (await this.#isSound(digest))) return;
    this.#sound.forget(keyOf(digest));
    await this.#objects.put(keyOf(digest), bytes);
  }

  #isSound(digest: Digest): Promise<boolean> {
    return this.#sound.use(keyOf(digest), (head) => this.#isRight(digest, head));
  }

  /** The store's own checksum will do; else all of it is read. */
  async #isRight(digest: Digest, { sha256 }: ObjectHead): Promise<boolean> {
    if (sha256 !== undefined) return `sha256:${sha256}` === digest;
    const stream = await this.#objects.getStream(keyOf(digest));
    if (stream === undefined) return false;
    const hash = createHash('sha256');
    for await (const chunk of stream.chunks) hash.update(chunk);
    return `sha256:${hash.digest('hex')}` === digest;
  }
}

/** As `ArtifactStore.read`, for who only reads. */
export async function readS3Artifact(
  objects: Pick<ObjectStore, 'get'>,
  digest: Digest,
): Promise<Buffer | undefined> {
  const bytes = await objects.get(keyOf(digest));
  if (bytes === undefined) return undefined;
  const found = await digestOf(bytes);
  if (found === digest) return bytes;
  throw new CorruptContentError(
    `artifact store: artifact ${digest} is corrupt (${bytes.length} bytes with digest ${found})`,
  );
}

function keyOf(digest: Digest): string {
  return PREFIX + checkDigest(digest).slice('sha256:'.length);
}
