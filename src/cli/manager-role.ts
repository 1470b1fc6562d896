import { hostname } from 'node:os';
import { DEFAULT_LIMITS } from '../core/limits.ts';
import { createLogger } from '../telemetry/logger.ts';
import { composeManager } from './compose/manager.ts';
import { print, warnIfOpen } from './output.ts';
import type { ManagerCommandOptions } from './role-commands.ts';
import { advertiseOf, fleetToken, managerIdOf, redisSettingsOf, s3SettingsOf } from './role-options.ts';
import { serve, stopSignals } from './serve.ts';

/** `shoal manager`: registration and traffic, when it leads; else what it is asked to change goes on to who does. */
export function manager(options: ManagerCommandOptions): Promise<number> {
  const settings = {
    ...options,
    redis: redisSettingsOf(options),
    s3: s3SettingsOf(options),
    token: fleetToken(),
    limits: { ...DEFAULT_LIMITS, ...options.limit },
    id: managerIdOf(options.id ?? hostname()),
    advertise: advertiseOf(options),
    allowRoots: options.allowRoot,
    logger: createLogger('manager', options.logLevel),
  };
  return serve(
    () => composeManager(settings),
    ({ origin }) => {
      print(`Manager ${settings.id} listens on ${origin}. Ctrl-C stops it.`);
      warnIfOpen(settings.host);
    },
    stopSignals(),
  );
}
