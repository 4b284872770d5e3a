/** A query that fails. Like a real one it may also be a fragment of another, so nobody has to wait for it. */
export function lostQuery(message: string): Promise<never> {
  const query = Promise.reject<never>(new Error(message));
  query.catch(() => {});
  return query;
}
