import type { MultipartFile, MultipartValue } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { ShoalError } from '../core/errors.ts';
import { quote } from '../core/ids.ts';
import type { Limits } from '../core/limits.ts';
import { checkConfig, type ModelConfig } from '../model/config.ts';
import { isObject, type JsonValue, parseJson } from '../model/json.ts';
import { type ArtifactSource, type ArtifactSources, fromStream, sourceOf } from './artifact-source.ts';
import { bodyChunks } from './body-chunks.ts';

export interface Upload {
  readonly source: ArtifactSource;
  readonly config: ModelConfig;
  readonly activate: boolean;
}

export interface UploadDeps {
  readonly sources: ArtifactSources;
  readonly limits: Pick<Limits, 'artifactBytes' | 'bodyBytes' | 'bodyTimeoutMs' | 'jsonDepth'>;
}

/** One registration's body in any of its three forms. The caller closes the source. */
export async function readUpload(request: FastifyRequest, deps: UploadDeps): Promise<Upload> {
  const activate = flag(request, 'activate');
  if (request.isMultipart()) return { ...(await readForm(request, deps)), activate };
  if (request.body instanceof Readable) {
    return { source: await takeStream(request.body, deps), config: {}, activate };
  }
  return readJson(request.body as JsonValue | undefined, deps, activate);
}

/** A query parameter that is true or false; false when absent. */
export function flag(request: FastifyRequest, name: string): boolean {
  const value = (request.query as Record<string, unknown>)[name];
  if (value === undefined || value === 'false') return false;
  if (value === 'true' || value === '') return true;
  throw invalid(`query parameter ${name} must be true or false`);
}

async function readJson(
  body: JsonValue | undefined,
  deps: UploadDeps,
  activateByQuery: boolean,
): Promise<Upload> {
  if (!isObject(body)) throw invalid('the body must be an ONNX file, a form, or a JSON object with artifact');
  const unknown = Object.keys(body).find(
    (key) => key !== 'artifact' && key !== 'config' && key !== 'activate',
  );
  if (unknown !== undefined) throw invalid(`the body has the unknown member ${quote(unknown)}`);
  const activate = body['activate'] ?? activateByQuery;
  if (typeof activate !== 'boolean') throw invalid('activate must be true or false');
  const config = body['config'] === undefined ? {} : checkConfig(body['config']);
  return { source: await sourceOf(body['artifact'], deps.sources), config, activate };
}

async function readForm(request: FastifyRequest, deps: UploadDeps): Promise<Omit<Upload, 'activate'>> {
  const { artifactBytes, bodyBytes } = deps.limits;
  let source: ArtifactSource | undefined;
  let config: ModelConfig = {};
  // A config of its own limit is checked below; the parser's own limit is only a fence.
  const limits = { fileSize: artifactBytes + 1, fieldSize: bodyBytes, files: 2, parts: 2, fields: 2 };
  try {
    for await (const part of request.parts({ limits, isPartAFile })) {
      if (part.fieldname === 'config') config = await readConfig(part, deps);
      else if (part.fieldname === 'artifact' && part.type === 'file' && source === undefined)
        source = await takeStream(part.file, deps);
      else
        throw invalid(
          `the form has the part ${quote(part.fieldname)}; it takes artifact (a file) and config, each once`,
        );
    }
  } catch (error) {
    await source?.close();
    throw formError(error);
  }
  if (source === undefined) throw invalid('the form has no part artifact');
  return { source, config };
}

/** The config too comes as it was sent: the parser's own reading of a JSON part would round 64-bit integers. */
function isPartAFile(name: string | undefined): boolean {
  return name === 'artifact' || name === 'config';
}

async function readConfig(part: MultipartFile | MultipartValue, deps: UploadDeps): Promise<ModelConfig> {
  const { bodyBytes, jsonDepth } = deps.limits;
  const chunks: Uint8Array[] = [];
  if (part.type === 'field') chunks.push(Buffer.from(String(part.value)));
  else {
    let bytes = 0;
    for await (const chunk of bodyChunks(part.file, { silenceMs: deps.limits.bodyTimeoutMs })) {
      bytes += chunk.byteLength;
      if (bytes > bodyBytes) throw new ShoalError('TOO_LARGE', `config is larger than ${bodyBytes} bytes`);
      chunks.push(chunk);
    }
  }
  return checkConfig(parseJson(Buffer.concat(chunks), { depth: jsonDepth }));
}

async function takeStream(stream: Readable, { sources, limits }: UploadDeps): Promise<ArtifactSource> {
  return fromStream(bodyChunks(stream, { silenceMs: limits.bodyTimeoutMs }), sources);
}

/** The multipart parser's errors are about the request. */
function formError(error: unknown): unknown {
  if (error instanceof ShoalError || !(error instanceof Error)) return error;
  const code = 'code' in error ? String(error.code) : '';
  if (code.startsWith('FST_') || /form|multipart|boundary/i.test(error.message)) {
    return new ShoalError('INVALID_REQUEST', `the form can not be read: ${error.message}`, { cause: error });
  }
  return error;
}

function invalid(message: string): ShoalError {
  return new ShoalError('INVALID_REQUEST', message);
}
