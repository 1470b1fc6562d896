import { type ErrorCode, ShoalError } from '../core/errors.ts';

/** ONNX Runtime gives no codes, only prose: these are its words for "I know what this is, but can't run it". */
const UNSUPPORTED =
  /not a registered function\/op|No Op registered for|Could not find an implementation|NOT_IMPLEMENTED|not implemented|Unsupported model IR version|No opset import for domain|is under development|not (?:yet )?supported|unsupported/i;
const LOCALE = /locale/i;
const LOCALE_HINT = 'the model asks for a locale: install en_US.UTF-8 on the machine of the workers';
const MAX_MESSAGE_CHARS = 1_000;
/** A message holds names out of the artifact, of any length: no more than this of it is looked at. */
const MAX_RAW_CHARS = 4 * 1_024;

/** Where in ONNX Runtime's own sources it happened: of no use to a caller. Bounded, so that no text takes long. */
const SOURCE_LOCATION =
  /\S{0,200}\.(?:cc|cpp|cxx|hpp|h):\d{1,6}(?: [\w:~<>*&]{1,200}(?:\([^)]{0,500}\))?(?: const)?)?:? ?/g;

export function loadError(cause: unknown): ShoalError {
  const message = cleanOrtMessage(cause);
  const code: ErrorCode =
    UNSUPPORTED.test(message) || LOCALE.test(message) ? 'UNSUPPORTED_ARTIFACT' : 'INVALID_ARTIFACT';
  return new ShoalError(code, `ONNX Runtime can't load the model: ${message}`, { cause });
}

export function runError(cause: unknown): ShoalError {
  return new ShoalError('MODEL_FAILED', `the model failed on these inputs: ${cleanOrtMessage(cause)}`, {
    cause,
  });
}

export function cleanOrtMessage(cause: unknown): string {
  const raw = (cause instanceof Error ? cause.message : String(cause)).slice(0, MAX_RAW_CHARS);
  const clean = raw
    .replace(/^Non-zero status code returned while running /, '')
    .replace(SOURCE_LOCATION, '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_MESSAGE_CHARS);
  return LOCALE.test(clean) ? `${clean} (${LOCALE_HINT})` : clean;
}
