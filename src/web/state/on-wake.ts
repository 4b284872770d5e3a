/** Calls back when the connection may be dead: the page, the machine or the network was away. */
export function onWake(callback: () => void): () => void {
  const onSight = (): void => {
    if (document.visibilityState === 'visible') callback();
  };
  const listening = new AbortController();
  const { signal } = listening;
  // `offline` too: the server may be on this machine, and only asking it tells whether it is reachable.
  for (const name of ['online', 'offline', 'pageshow', 'focus']) addEventListener(name, callback, { signal });
  document.addEventListener('resume', callback, { signal });
  document.addEventListener('visibilitychange', onSight, { signal });
  return () => listening.abort();
}
