/** The server as a program: until a signal asks it to stop. */
import type { Config } from './config.ts';
import { createLogger } from './logger.ts';
import { startServer } from './start-server.ts';
import { toBooError } from './protocol/error.ts';
import { guardDriver } from './store/driver-guard.ts';

/** Serves until a signal arrives; returns the exit code. */
export async function runServer(config: Config, options: { demo: boolean }): Promise<number> {
  const stop = nextStop();
  guardDriver(createLogger(config.logLevel, config.logFormat));
  const { signal } = stop;
  const server = await startServer(config, { ...options, demoIntervalMs: 25, onFatal: stop.fail, signal }).catch(
    (error: unknown) => {
      // Asked to stop before it was ready: everything that had been opened is closed.
      if (signal.aborted) return undefined;
      throw error;
    },
  );
  if (server === undefined) return 0;
  stop.again = () => server.hurry();
  process.stdout.write(`BooCode is ready: ${server.url}\n`);
  process.stdout.write(`Sign in with a browser, once: ${server.signInLink()}\n`);
  if (options.demo) process.stderr.write('Answers come from the scripted demo model: no account is used.\n');
  try {
    await stop.asked;
    return 0;
  } catch (error) {
    process.stderr.write(`${toBooError(error).message}\n`);
    return 1;
  } finally {
    await server.close();
  }
}

interface Stop {
  asked: Promise<void>;
  signal: AbortSignal;
  fail: (error: Error) => void;
  /** What a second signal does; false if that is nothing. */
  again: () => boolean;
}

/** The first signal requests an orderly stop; the second one does not wait: for running turns, or for anything. */
function nextStop(): Stop {
  const abort = new AbortController();
  let fail = (_error: Error): void => {};
  const asked = new Promise<void>((resolve, reject) => {
    fail = reject;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      let seen = false;
      process.on(signal, () => {
        if (seen && !stop.again()) process.exit(1);
        seen = true;
        abort.abort();
        resolve();
      });
    }
  });
  // A failure before anyone waits is reported to those who wait later.
  asked.catch(() => undefined);
  const stop: Stop = { asked, signal: abort.signal, fail: (error) => fail(error), again: () => false };
  return stop;
}
