import type { FastifyInstance } from 'fastify';
import { ShoalError } from '../core/errors.ts';
import { quote } from '../core/ids.ts';

/** Knows every route's pattern, so that a known path with a wrong method is a 405 and not a 404. */
export class RouteList {
  readonly #routes: { pattern: RegExp; methods: Set<string> }[] = [];

  constructor(app: FastifyInstance) {
    app.addHook('onRoute', ({ method, url }) => {
      const pattern = toPattern(url);
      const known = this.#routes.find((route) => route.pattern.source === pattern.source);
      const route = known ?? { pattern, methods: new Set<string>() };
      if (known === undefined) this.#routes.push(route);
      for (const name of [method].flat()) route.methods.add(name);
    });
  }

  allowed(path: string): string[] {
    return this.#routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => [...methods]);
  }

  error(method: string, path: string): { error: ShoalError; allow: string[] } {
    const allow = this.allowed(path);
    const what = `${method} ${quote(path)}`;
    if (allow.length === 0)
      return { error: new ShoalError('ROUTE_NOT_FOUND', `there is no route ${what}`), allow };
    return { error: new ShoalError('METHOD_NOT_ALLOWED', `${what} takes only ${allow.join(', ')}`), allow };
  }
}

/** Fastify's pattern (`:name`, `::` for a colon, `*`) as a regular expression over the raw path. */
function toPattern(url: string): RegExp {
  const source = url.replace(/::|:[A-Za-z]+(?:\([^)]*\))?|\*|[.+?^${}()|[\]\\]/g, (part) => {
    if (part === '::') return ':';
    if (part.startsWith(':')) return '[^/]+?';
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
