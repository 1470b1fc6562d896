import { ShoalError } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';

/** Where a Redis is, and under which name this installation's keys stand there. */
export interface RedisSettings {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** Of the server, the sentinels or some nodes of the cluster. */
  readonly nodes: readonly RedisNode[];
  readonly tls: boolean;
  readonly db: number;
  readonly prefix: string;
  readonly username?: string;
  readonly password?: string;
  /** What the sentinels know the master as. */
  readonly master?: string;
  /** Sentinels have a password of their own, or none. */
  readonly sentinelPassword?: string;
}

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

const KINDS = {
  redis: { kind: 'single', port: 6379 },
  'redis+sentinel': { kind: 'sentinel', port: 26_379 },
  'redis+cluster': { kind: 'cluster', port: 6379 },
} as const;

const EXPECTED =
  'redis://[user:password@]host:port[/db], redis+sentinel://h1:26379,h2:26379/master[/db] or ' +
  'redis+cluster://h1:6379,h2:6379 (rediss: with TLS), with ?prefix=name or without';

const DEFAULT_PREFIX = 'shoal';
const PREFIX_RULE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const URL_RULE =
  /^(?<scheme>[a-z+]+):\/\/(?:(?<login>[^@/?#]*)@)?(?<hosts>[^/?#@]+)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/;

export function isRedisUrl(text: string): boolean {
  return /^rediss?(\+sentinel|\+cluster)?:/.test(text);
}

/** INVALID_REQUEST for a URL that isn't one. No message repeats the URL: it may hold a password. */
export function parseRedisUrl(text: string): RedisSettings {
  const parts = URL_RULE.exec(text)?.groups;
  const scheme = parts?.['scheme'] ?? '';
  const known = KINDS[scheme.replace(/^rediss/, 'redis') as keyof typeof KINDS];
  if (parts === undefined || known === undefined) throw wrong(`expected ${EXPECTED}`);
  const [username = '', password = ''] = loginOf(parts['login'] ?? '');
  const query = queryOf(parts['query'] ?? '');
  return {
    kind: known.kind,
    nodes: (parts['hosts'] ?? '').split(',').map((node) => nodeOf(node, known.port)),
    tls: scheme.startsWith('rediss'),
    ...placeOf(known.kind, (parts['path'] ?? '').split('/').slice(1)),
    ...query,
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
  };
}

/** For messages. */
export function describeRedis({ kind, nodes, master }: RedisSettings): string {
  const list = nodes.map(({ host, port }) => `${host}:${port}`).join(',');
  if (kind === 'single') return `Redis at ${list}`;
  if (kind === 'cluster') return `the Redis cluster at ${list}`;
  return `the Redis master ${quote(master ?? '')} of the sentinels at ${list}`;
}

function loginOf(login: string): string[] {
  const colon = login.indexOf(':');
  if (colon === -1) return [decode('user', login)];
  return [decode('user', login.slice(0, colon)), decode('password', login.slice(colon + 1))];
}

function nodeOf(text: string, defaultPort: number): RedisNode {
  const parts = /^(?<host>\[[0-9a-fA-F:]+\]|[^:[\]]+)(?::(?<port>\d{1,5}))?$/.exec(text)?.groups;
  const port = Number(parts?.['port'] ?? defaultPort);
  if (parts === undefined || port < 1 || port > 65_535)
    throw wrong(`${quote(text)} is not host:port; expected ${EXPECTED}`);
  return { host: (parts['host'] ?? '').replaceAll(/^\[|\]$/g, ''), port };
}

function placeOf(kind: RedisSettings['kind'], path: string[]): { db: number; master?: string } {
  if (kind === 'cluster') {
    if (path.join('') !== '') throw wrong('a Redis cluster has no numbered databases');
    return { db: 0 };
  }
  const master = kind === 'sentinel' ? decode('master', path.shift() ?? '') : undefined;
  if (master === '') throw wrong('after the sentinels comes /name, the name of their master');
  const [db = ''] = path;
  if (path.length > 1 || !/^\d{0,5}$/.test(db)) throw wrong('the database is a number');
  return { db: Number(db), ...(master === undefined ? {} : { master }) };
}

function queryOf(query: string): { prefix: string; sentinelPassword?: string } {
  const values = new URLSearchParams(query);
  for (const name of values.keys()) {
    if (name !== 'prefix' && name !== 'sentinelPassword')
      throw wrong(`unknown ${quote(name)} after "?"; prefix and sentinelPassword are known`);
  }
  const prefix = values.get('prefix') ?? DEFAULT_PREFIX;
  if (!PREFIX_RULE.test(prefix)) throw wrong(`prefix must match ${PREFIX_RULE.source}, got ${quote(prefix)}`);
  const sentinelPassword = values.get('sentinelPassword');
  return sentinelPassword === null ? { prefix } : { prefix, sentinelPassword };
}

function decode(what: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong(`the ${what} is not percent-encoded UTF-8`);
  }
}

function wrong(why: string): ShoalError {
  return new ShoalError('INVALID_REQUEST', `the Redis URL is wrong: ${why}`);
}
