import { Type } from 'typebox';
import { isOip } from './errors.ts';

/** How `core/errors` writes an error, for the published description. */
export const ErrorBodySchema = Type.Object({
  code: Type.String(),
  message: Type.String(),
  retryable: Type.Boolean(),
  requestId: Type.Optional(Type.String()),
  details: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
});

const V1Failure = Type.Object({ error: ErrorBodySchema });
const OipFailure = Type.Object({ error: Type.String({ description: '`<message> (<code>)`' }) });

/** Whatever goes wrong at a route is answered in the shape of its API. */
export function failureSchema(url: string): object {
  return isOip(url) ? OipFailure : V1Failure;
}
