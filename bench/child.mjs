import { once } from 'node:events';

const answerLimitMs = 60_000;

/** A forked child's next message; rejects if it ends instead. */
export async function nextMessage(child) {
  const giveUp = AbortSignal.timeout(answerLimitMs);
  const ended = new AbortController();
  const signal = AbortSignal.any([giveUp, ended.signal]);
  const onExit = () => ended.abort();
  child.once('exit', onExit);
  try {
    const [message] = await once(child, 'message', { signal });
    if (message.error) throw new Error(message.error);
    return message;
  } catch (error) {
    if (giveUp.aborted) throw new Error(`A child did not answer within ${answerLimitMs} ms.`, { cause: error });
    if (ended.signal.aborted) throw new Error('A child ended without an answer.', { cause: error });
    throw error;
  } finally {
    child.off('exit', onExit);
  }
}

/** Ends a child we started: by SIGTERM, then by SIGKILL. */
export async function endChild(child, graceMs = 20_000) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  if (child.connected) child.disconnect();
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await exited;
  clearTimeout(kill);
}
