import { destination, pino } from 'pino';
import type { LogLevel } from './settings.ts';
import type { Log } from './lib/log.ts';

/** JSON lines on standard error; standard output is for what the user asked for. */
export function createLogger(level: LogLevel): Log {
  return pino({ name: 'boocode', level, timestamp: () => `,"time":"${new Date().toISOString()}"` }, destination(2));
}
