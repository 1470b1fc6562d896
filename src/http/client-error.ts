import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { type ErrorCode, ShoalError } from '../core/errors.ts';
import { errorText } from './errors.ts';

const REASONS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['TOO_LARGE', 'the request line and headers exceed the limit'],
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'the request head did not arrive in time'],
};

/** What never became a request (not HTTP, headers too large or too slow) still gets the API's error shape. */
export function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [code, message] = REASONS[error.code ?? ''] ?? [
    'INVALID_REQUEST',
    `not a valid HTTP request (${error.code ?? 'unknown'})`,
  ];
  const known = new ShoalError(code, message);
  const requestId = randomUUID();
  const body = errorText(known, '/', requestId);
  socket.end(
    `HTTP/1.1 ${known.status} ${known.code}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `x-shoal-error: ${known.code}\r\nx-request-id: ${requestId}\r\nconnection: close\r\n\r\n${body}`,
  );
}
