import type { FastifyInstance } from 'fastify';
import { ShoalError } from '../core/errors.ts';
import { quote } from '../core/ids.ts';

interface Route {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
  /** `{name}:verb`, which a route for `{name}` alone would match too. */
  readonly isVerb: boolean;
}

/** Knows every route's pattern, so that a known path with a wrong method is a 405 and not a 404. */
export class RouteList {
  readonly #routes: Route[] = [];

  constructor(app: FastifyInstance) {
    app.addHook('onRoute', ({ method, url, config }) => {
      if (config?.isGuard === true) return;
      const pattern = toPattern(url);
      const isVerb = url.includes('::');
      const known = this.#routes.find((route) => route.pattern.source === pattern.source);
      const route = known ?? { pattern, methods: new Set<string>(), isVerb };
      if (known === undefined) this.#routes.push(route);
      for (const name of [method].flat()) route.methods.add(name);
      if (known === undefined && isVerb) guardVerb(app, url);
    });
  }

  allowed(path: string): string[] {
    const matching = this.#routes.filter(({ pattern }) => pattern.test(path));
    const verbs = matching.filter(({ isVerb }) => isVerb);
    return (verbs.length > 0 ? verbs : matching).flatMap(({ methods }) => [...methods]);
  }

  error(method: string, path: string): { error: ShoalError; allow: string[] } {
    const allow = this.allowed(path);
    const what = `${method} ${quote(path)}`;
    if (allow.length === 0)
      return { error: new ShoalError('ROUTE_NOT_FOUND', `there is no route ${what}`), allow };
    return { error: new ShoalError('METHOD_NOT_ALLOWED', `${what} takes only ${allow.join(', ')}`), allow };
  }
}

/** Keeps what isn't POST from the route of `{name}` alone, which would take the verb for a part of the name. */
function guardVerb(app: FastifyInstance, url: string): void {
  app.route({
    method: ['GET', 'PUT', 'PATCH', 'DELETE'],
    url,
    schema: { hide: true },
    config: { isGuard: true },
    onRequest: async (_request, reply) => reply.callNotFound(),
    handler: (_request, reply) => reply.callNotFound(),
  });
}

/**
 * Fastify's pattern (`:name`, `::` for a colon, `*`) as a regular expression over the raw path. No parameter holds
 * a colon, or `models/{model}` would be `models/{model}:predict` too.
 */
function toPattern(url: string): RegExp {
  const source = url.replace(/::|:[A-Za-z]+(?:\([^)]*\))?|\*|[.+?^${}()|[\]\\]/g, (part) => {
    if (part === '::') return ':';
    if (part.startsWith(':')) return '[^/:]+';
    return part === '*' ? '.*' : `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}

/** The route for people and metrics: `/v1/tenants/{tenant}/models/{model}:predict`. */
export function routeName(url: string): string {
  return url.replace(/::|:([A-Za-z]+)(?:\([^)]*\))?/g, (part, name: string) =>
    part === '::' ? ':' : `{${name}}`,
  );
}
