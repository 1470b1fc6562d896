import type { FastifyPluginAsync } from 'fastify';
import type { Blame } from '../core/crash-blame.ts';
import { ShoalError } from '../core/errors.ts';
import { BearerToken } from '../wire/bearer.ts';
import { type ModelKey, parseModelKey } from '../wire/model-key.ts';
import { MAX_BLAMED, STRIKES_PATH, type StrikesAnswer, type StrikesRequest } from '../wire/strikes.ts';
import type { Strikes } from './strikes.ts';

const MAX_TEXT = 1_000;

export interface FleetRoutesDeps {
  readonly strikes: Pick<Strikes, 'crashed'>;
  /** Whether this manager leads. */
  readonly leads: () => boolean;
  /** The fleet's. */
  readonly token: string;
}

/** What the processes of a fleet tell the leading manager; for who knows the fleet's token. */
export function fleetRoutes({ strikes, leads, token }: FleetRoutesDeps): FastifyPluginAsync {
  const bearer = new BearerToken(token);
  /** Who asked and did not get the answer in time asks again. */
  const underWay = new Map<string, Promise<ModelKey[]>>();

  return async (app) => {
    app.setValidatorCompiler(() => () => true);
    app.post(
      STRIKES_PATH,
      {
        config: { access: 'public' },
        schema: { hide: true },
        // Before the body is read.
        onRequest: async (request) => {
          if (!bearer.accepts(request.headers.authorization))
            throw new ShoalError('UNAUTHENTICATED', 'the bearer token is missing or wrong');
          if (!leads())
            throw new ShoalError(
              'STORE_UNAVAILABLE',
              'this manager does not lead; strikes go to the one that does',
            );
        },
      },
      async (request): Promise<StrikesAnswer> => {
        const { crash, blamed } = checkStrikes(request.body);
        let judging = underWay.get(crash);
        if (judging === undefined) {
          judging = strikes.crashed(crash, blamed).finally(() => underWay.delete(crash));
          underWay.set(crash, judging);
        }
        return { guilty: await judging };
      },
    );
  };
}

function checkStrikes(body: unknown): StrikesRequest {
  const { crash, blamed } = (body ?? {}) as Partial<Record<keyof StrikesRequest, unknown>>;
  if (!isText(crash)) throw wrong(`crash must be a text of 1 to ${MAX_TEXT} characters`);
  if (!Array.isArray(blamed) || blamed.length > MAX_BLAMED)
    throw wrong(`blamed must be a list of at most ${MAX_BLAMED}`);
  return { crash, blamed: blamed.map(checkBlame) };
}

function checkBlame(value: unknown, index: number): Blame {
  const { key, reason } = (value ?? {}) as Partial<Record<keyof Blame, unknown>>;
  if (!isText(key) || parseModelKey(key) === undefined)
    throw wrong(`blamed[${index}].key must be tenant/model/version@digest`);
  if (!isText(reason)) throw wrong(`blamed[${index}].reason must be a text of 1 to ${MAX_TEXT} characters`);
  return { key, reason };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT;
}

function wrong(message: string): ShoalError {
  return new ShoalError('INVALID_REQUEST', message);
}
