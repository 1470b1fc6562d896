import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { CliError, EXIT } from '../exit.ts';

/** One registration to push. `load` reads its file only when its turn comes, and again when it must be sent again. */
export interface PushItem {
  /** Where it stands, for messages: a file, or a manifest's line. */
  readonly from: string;
  /** Set for files too large for a bulk line: they are sent on their own. */
  readonly large?: { readonly url: string; readonly artifact: string; readonly config?: string };
  /** A definition that later lines refer to; it must come first on every connection. */
  readonly define: boolean;
  load(): Promise<string>;
}

export interface PushSource {
  readonly total: number;
  items(): AsyncGenerator<PushItem>;
}

/** A bulk line may have 64 MiB; base64 makes 4 bytes of 3. */
const LARGE_BYTES = 40 * 1024 * 1024;

/** A directory of TENANT/MODEL/VERSION.onnx (VERSION.json beside it is its config), or a manifest in NDJSON. */
export async function openSource(target: string, activate: boolean): Promise<PushSource> {
  const info = await stat(target).catch((error: Error) => {
    throw new CliError(`can't read ${target}: ${error.message}`, EXIT.usage, error);
  });
  return info.isDirectory() ? directorySource(target, activate) : manifestSource(target, activate);
}

async function directorySource(root: string, activate: boolean): Promise<PushSource> {
  const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.onnx')).sort();
  const misplaced = files.find((file) => file.split(path.sep).length !== 3);
  if (misplaced !== undefined || files.length === 0) {
    const found = misplaced === undefined ? 'there is no .onnx file' : `there is ${misplaced}`;
    throw new CliError(`${root} must hold TENANT/MODEL/VERSION.onnx, ${found}`, EXIT.usage);
  }
  return {
    total: files.length,
    async *items() {
      for (const file of files) yield await fileItem(root, file, activate);
    },
  };
}

async function fileItem(root: string, file: string, activate: boolean): Promise<PushItem> {
  const artifact = path.join(root, file);
  const [tenant, model, name] = file.split(path.sep) as [string, string, string];
  const version = name.slice(0, -'.onnx'.length);
  const configFile = artifact.replace(/\.onnx$/, '.json');
  const hasConfig = await stat(configFile).then(
    () => true,
    () => false,
  );
  const url = `/v1/tenants/${encodeURIComponent(tenant)}/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}`;
  const isLarge = (await stat(artifact)).size > LARGE_BYTES;
  const large = {
    url: `${url}?activate=${activate}`,
    artifact,
    ...(hasConfig ? { config: configFile } : {}),
  };
  return {
    from: file,
    define: false,
    ...(isLarge ? { large } : {}),
    async load() {
      const base64 = (await readFile(artifact)).toString('base64');
      const config = hasConfig ? { config: parseLine(await readFile(configFile, 'utf8'), configFile) } : {};
      return JSON.stringify({ tenant, model, version, artifact: { base64 }, ...config, activate });
    },
  };
}

async function manifestSource(file: string, activate: boolean): Promise<PushSource> {
  let total = 0;
  for await (const line of lines(file)) if (line.trim() !== '') total++;
  return {
    total,
    async *items() {
      let number = 0;
      for await (const line of lines(file)) {
        number++;
        if (line.trim() !== '') yield lineItem(file, number, line, activate);
      }
    },
  };
}

/** Lines go as they are, but `{"artifact": {"path": ...}}` (relative to the manifest) is replaced by the file's bytes. */
function lineItem(file: string, number: number, line: string, activate: boolean): PushItem {
  const from = `${file}:${number}`;
  const parsed = tryParse(line);
  return {
    from,
    define: parsed !== undefined && 'defineConfig' in parsed,
    async load() {
      // What isn't JSON goes to the server as it is: it rejects the line with its number and goes on.
      if (parsed === undefined || 'defineConfig' in parsed) return line;
      const artifact = parsed['artifact'] as { path?: unknown } | undefined;
      const withActivate = activate ? { ...parsed, activate: parsed['activate'] ?? true } : parsed;
      if (typeof artifact?.path !== 'string') return activate ? JSON.stringify(withActivate) : line;
      const bytes = await readFile(path.resolve(path.dirname(file), artifact.path)).catch((error: Error) => {
        throw new CliError(`${from}: ${error.message}`, EXIT.usage, error);
      });
      return JSON.stringify({ ...withActivate, artifact: { base64: bytes.toString('base64') } });
    },
  };
}

function lines(file: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
}

function tryParse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function parseLine(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(`${file} is not JSON: ${(error as Error).message}`, EXIT.usage, error);
  }
}
