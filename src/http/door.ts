import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import { unavailable } from '../protocol/info.ts';
import type { Access } from './access.ts';
import type { App } from './app.ts';
import { problemResponse } from './problem.ts';
import { json, type ServerEnv } from './route.ts';
import { secure } from './security-headers.ts';

/** Answers requests: an app or a substitute. */
export type Answerer = Pick<App, 'fetch'>;

export interface Door extends Answerer {
  /** From here on this app answers. */
  open(app: Answerer): void;
}

/**
 * Listens on the port while the server starts: until the app is ready, clients are asked to try again. This way a port
 * that is in use is detected before anything else is touched.
 */
export function createDoor({ access, log }: { access: Pick<Access, 'checkSource'>; log: Log }): Door {
  const starting: Answerer['fetch'] = (request, env) => {
    try {
      access.checkSource(request, (env as ServerEnv | undefined)?.proto);
      if (new URL(request.url).pathname === '/healthz') return secure(json(503, unavailable('starting')));
      throw new BooError('starting', 'The server is starting. Try again shortly.');
    } catch (error) {
      return secure(problemResponse(error, log));
    }
  };
  let answer = starting;
  return {
    fetch: (...given) => answer(...given),
    open(app) {
      answer = (...given) => app.fetch(...given);
    },
  };
}
