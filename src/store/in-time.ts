/**
 * The database's answer, or a transient error if none arrives. The driver can hand a statement to a dying connection
 * and then stay silent; whoever awaited that one would wait forever.
 */
export async function inTime<T>(answer: PromiseLike<T>, limitMs = 10_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(answerLost()), limitMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A connection broke without the driver reporting it. Known to `isPassing`. */
export function answerLost(): Error {
  return Object.assign(new Error('The database did not answer in time.'), { code: 'ANSWER_LOST' });
}
