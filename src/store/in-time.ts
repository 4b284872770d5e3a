/**
 * An answer of the database, or a passing error when none comes. The driver can hand a statement to a connection that is
 * just dying and then say nothing more; whoever waited for that one would wait for ever.
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

/** A connection broke, though the driver did not say so. Known to `isPassing`. */
export function answerLost(): Error {
  return Object.assign(new Error('The database did not answer in time.'), { code: 'ANSWER_LOST' });
}
