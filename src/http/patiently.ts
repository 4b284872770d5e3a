import { BooError } from '../protocol/error.ts';
import type { ServerEnv } from './route.ts';

/** Answers a request that may wait for long: it is given a signal that is aborted when nobody waits for it any more. */
export async function patiently(
  request: Request,
  env: Pick<ServerEnv, 'openFeeds' | 'allowSilence'>,
  answer: (signal: AbortSignal) => Promise<Response>,
): Promise<Response> {
  const line = new AbortController();
  const hangUp = (): void => line.abort(new BooError('chat_busy', 'The client has hung up: nothing has changed.'));
  const close = (): void => line.abort(new BooError('shutting_down', 'This server is shutting down.'));
  request.signal.addEventListener('abort', hangUp);
  const forget = env.openFeeds?.add(close);
  try {
    return await silently(env, () => answer(line.signal));
  } finally {
    forget?.();
  }
}

/** Answers a request that may take long, and is carried out whoever waits for it. */
export async function silently<T>(env: Pick<ServerEnv, 'allowSilence'>, work: () => Promise<T>): Promise<T> {
  const endSilence = env.allowSilence?.();
  try {
    return await work();
  } finally {
    endSilence?.();
  }
}
