import { Writable } from 'node:stream';
import { destination, pino } from 'pino';
import type { Log } from './lib/log.ts';
import { Redaction } from './lib/redaction.ts';
import { logText } from './log-text.ts';
import type { LogFormat, LogLevel } from './settings.ts';

/**
 * To standard error; standard output is for what the user asked for. `auto` is for people if a terminal shows it. Secrets of
 * chats are taken out of each line.
 */
export function createLogger(level: LogLevel, format: LogFormat = 'json', redaction = new Redaction()): Log {
  const isForPeople = format === 'text' || (format === 'auto' && process.stderr.isTTY);
  const stderr = destination(2);
  const lines = { write: (line: string) => stderr.write(redaction.text(line)) };
  const out = isForPeople
    ? new Writable({
        decodeStrings: false,
        write(line: string, _encoding, done) {
          lines.write(logText(line));
          done();
        },
      })
    : lines;
  return pino({ name: 'boocode', level, timestamp: () => `,"time":"${new Date().toISOString()}"` }, out);
}
