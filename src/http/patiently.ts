import { BooError } from '../protocol/error.ts';
import type { ServerEnv } from './route.ts';

/** Answers a request that may wait for long: it is given a signal that is aborted when nobody waits for it any more. */
export async function patiently(
  request: Request,
  env: Pick<ServerEnv, 'openFeeds'>,
  answer: (signal: AbortSignal) => Promise<Response>,
): Promise<Response> {
  const line = new AbortController();
  const hangUp = (): void => line.abort(new BooError('chat_busy', 'The client has hung up: nothing has changed.'));
  const close = (): void => line.abort(new BooError('shutting_down', 'This server is shutting down.'));
  request.signal.addEventListener('abort', hangUp);
  const forget = env.openFeeds?.add(close);
  try {
    return await answer(line.signal);
  } finally {
    forget?.();
  }
}
