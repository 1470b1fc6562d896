import { type Logger, pino } from 'pino';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** JSON lines on stderr (stdout is for what a command answers), written at once so that a crash loses none. */
export function createLogger(process: string, level: LogLevel): Logger {
  return pino({ level, base: { process } }, pino.destination({ dest: 2, sync: true }));
}
