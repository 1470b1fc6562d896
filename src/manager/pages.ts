import type { FastifyRequest } from 'fastify';
import { ShoalError } from '../core/errors.ts';
import type { Page, PageRequest } from '../stores/registry/registry.ts';

const DEFAULT_PAGE_SIZE = 100;
const MAX_PAGE_SIZE = 1_000;

/** `pageSize` and `pageToken` of a list. A larger page than allowed is cut, as Google's design guide says. */
export function pageRequest(request: FastifyRequest): PageRequest {
  const { pageSize, pageToken } = request.query as Record<string, unknown>;
  const size = pageSize === undefined ? DEFAULT_PAGE_SIZE : Number(pageSize);
  if (!Number.isInteger(size) || size < 1) {
    throw new ShoalError('INVALID_REQUEST', `pageSize must be an integer from 1 to ${MAX_PAGE_SIZE}`);
  }
  if (pageToken !== undefined && (typeof pageToken !== 'string' || pageToken.length > 200)) {
    throw new ShoalError('INVALID_REQUEST', 'pageToken must be the nextPageToken of the page before');
  }
  return {
    pageSize: Math.min(size, MAX_PAGE_SIZE),
    ...(pageToken === undefined || pageToken === '' ? {} : { after: pageToken }),
  };
}

export function pageOf<T>(name: string, page: Page<T>): object {
  return { [name]: page.items, ...(page.next === undefined ? {} : { nextPageToken: page.next }) };
}
