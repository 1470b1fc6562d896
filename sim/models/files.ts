import { mkdir, open, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { allStructures, artifactIdOf, modelsOf, type SimModel, type Workload } from '../workload/workload.ts';
import { ArtifactMaker } from './artifacts.ts';
import { definitionLine, registrationLine } from './lines.ts';

/** Files written side by side; bounds memory as well. */
const BATCH_FILES = 32;
const BATCH_BYTES = 32 * 1024 * 1024;

export interface WrittenModel {
  readonly model: SimModel;
  /** 0 for a model that shares an earlier one's file. */
  readonly bytes: number;
}

/**
 * `TENANT/MODEL/VERSION.onnx` for every artifact and a `manifest.ndjson` with a line for every model. Models that
 * share an artifact name the file of the first of them.
 */
export async function writeModels(
  dir: string,
  workload: Workload,
  options: { readonly distinct?: number; readonly onWritten: (written: WrittenModel) => void },
): Promise<void> {
  await mkdir(dir, { recursive: true });
  const maker = new ArtifactMaker(workload.seed);
  const pathsByArtifact = new Map<string, string>();
  await using manifest = await open(path.join(dir, 'manifest.ndjson'), 'w');
  await manifest.write(`${allStructures().map(definitionLine).join('\n')}\n`);
  const batch = new Batch();
  for (const model of modelsOf(workload)) {
    const id = artifactIdOf(model, options.distinct);
    const key = `${id.structure.name}/${id.number}`;
    let file = pathsByArtifact.get(key);
    let bytes = 0;
    if (file === undefined) {
      file = path.posix.join(model.tenant, model.model, `${model.version}.onnx`);
      if (options.distinct !== undefined) pathsByArtifact.set(key, file);
      const artifact = maker.make(id);
      bytes = artifact.length;
      batch.write(path.join(dir, file), artifact);
    }
    batch.lines += `${registrationLine(model, { path: file }, false)}\n`;
    if (batch.isFull) await batch.end(manifest);
    options.onWritten({ model, bytes });
  }
  await batch.end(manifest);
}

class Batch {
  lines = '';
  #bytes = 0;
  #writes: Promise<void>[] = [];

  get isFull(): boolean {
    return this.#writes.length >= BATCH_FILES || this.#bytes >= BATCH_BYTES || this.lines.length > 65_536;
  }

  write(file: string, artifact: Buffer): void {
    this.#bytes += artifact.length;
    this.#writes.push(writeWithFolder(file, artifact));
  }

  async end(manifest: { write(text: string): Promise<unknown> }): Promise<void> {
    await Promise.all(this.#writes);
    if (this.lines !== '') await manifest.write(this.lines);
    this.lines = '';
    this.#bytes = 0;
    this.#writes = [];
  }
}

async function writeWithFolder(file: string, artifact: Buffer): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, artifact);
}
