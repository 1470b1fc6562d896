import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DEFAULT_LIMITS } from '../../core/limits.ts';
import { canonicalJson } from '../../model/canonical-json.ts';
import { isObject, type JsonObject, type JsonValue, parseJson } from '../../model/json.ts';
import { CliError, EXIT } from '../exit.ts';

/** A config that lines refer to by name: `{"defineConfig": name, "config": ...}`, as it stands in the manifest. */
export interface Definition {
  readonly from: string;
  readonly name: string;
  readonly text: string;
}

/** One registration to push. `load` reads its file only when its turn comes, and again when it must be sent again. */
export interface PushItem {
  /** Where it stands, for messages: a file, or a manifest's line. */
  readonly from: string;
  /** The definition that its configRef meant where it stood. */
  readonly definition?: Definition;
  /** Set for files too large for a bulk line: they are sent on their own. */
  readonly large?: { readonly url: string; readonly artifact: string; readonly config?: string };
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
  const [t, m, v] = [tenant, model, version].map(encodeURIComponent);
  const url = `/v1/tenants/${t}/models/${m}/versions/${v}?activate=${activate}`;
  const isLarge = (await stat(artifact)).size > LARGE_BYTES;
  const large = { url, artifact, ...(hasConfig ? { config: configFile } : {}) };
  return {
    from: file,
    ...(isLarge ? { large } : {}),
    async load() {
      const base64 = (await readFile(artifact)).toString('base64');
      const config = hasConfig ? { config: parseConfig(await readFile(configFile), configFile) } : {};
      return canonicalJson({ tenant, model, version, artifact: { base64 }, ...config, activate });
    },
  };
}

async function manifestSource(file: string, activate: boolean): Promise<PushSource> {
  let total = 0;
  for await (const { parsed } of manifestLines(file)) if (definedName(parsed) === undefined) total++;
  return {
    total,
    async *items() {
      const definitions = new Map<string, Definition>();
      for await (const { from, line, parsed } of manifestLines(file)) {
        const name = definedName(parsed);
        if (name !== undefined) {
          definitions.set(name, { from, name, text: line });
          continue;
        }
        const configRef = parsed?.['configRef'];
        const definition = typeof configRef === 'string' ? definitions.get(configRef) : undefined;
        yield {
          from,
          ...(definition === undefined ? {} : { definition }),
          load: () => loadLine(file, from, line, parsed, activate),
        };
      }
    },
  };
}

/** A line goes as it is, but `{"artifact": {"path": ...}}` (relative to the manifest) is replaced by the file's bytes. */
async function loadLine(
  file: string,
  from: string,
  line: string,
  parsed: JsonObject | undefined,
  activate: boolean,
): Promise<string> {
  // What isn't JSON goes to the server as it is: it rejects the line with its number and goes on.
  if (parsed === undefined) return line;
  const { artifact } = parsed;
  const whole = activate ? { ...parsed, activate: parsed['activate'] ?? true } : parsed;
  if (!isObject(artifact) || typeof artifact['path'] !== 'string') return canonicalJson(whole);
  const bytes = await readFile(path.resolve(path.dirname(file), artifact['path'])).catch((error: Error) => {
    throw new CliError(`${from}: ${error.message}`, EXIT.usage, error);
  });
  return canonicalJson({ ...whole, artifact: { base64: bytes.toString('base64') } });
}

interface ManifestLine {
  readonly from: string;
  readonly line: string;
  readonly parsed: JsonObject | undefined;
}

async function* manifestLines(file: string): AsyncGenerator<ManifestLine> {
  let number = 0;
  for await (const line of createInterface({
    input: createReadStream(file),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    number++;
    if (line.trim() !== '') yield { from: `${file}:${number}`, line, parsed: tryParse(line) };
  }
}

function definedName(parsed: JsonObject | undefined): string | undefined {
  const name = parsed?.['defineConfig'];
  return typeof name === 'string' ? name : undefined;
}

function tryParse(line: string): JsonObject | undefined {
  try {
    const value = parse(Buffer.from(line));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function parseConfig(bytes: Uint8Array, file: string): JsonValue {
  try {
    return parse(bytes);
  } catch (error) {
    throw new CliError(`${file} is not JSON: ${(error as Error).message}`, EXIT.usage, error);
  }
}

/** Exact: what is sent on must have the 64-bit integers that were read. */
function parse(bytes: Uint8Array): JsonValue {
  return parseJson(bytes, { depth: DEFAULT_LIMITS.jsonDepth });
}
