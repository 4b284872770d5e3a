/** Which headers go from one host to another, and back. */

// Of the connection, or of the perimeter of the host that the client has reached.
const ownOfConnection = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
const ownOfPerimeter = [
  'authorization',
  'boocode-forwarded',
  'content-length',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'origin',
  'referer',
  'sec-websocket-protocol',
  'via',
];
const notSent = new Set([...ownOfConnection, ...ownOfPerimeter]);
const notAnswered = new Set([...ownOfConnection, 'boocode-host', 'date']);

/** For a WebSocket with the subprotocols that are no credential. */
export function requestHeaders(headers: Headers, kind?: 'websocket'): Record<string, string> {
  const kept = [...headers].filter(([name]) => !notSent.has(name) && !/^(?:x-forwarded-|sec-fetch-)/.test(name));
  if (kind === undefined) return Object.fromEntries(kept);
  const offered = (headers.get('sec-websocket-protocol') ?? '').split(',').map((each) => each.trim());
  const protocols = offered.filter((each) => each !== '' && !each.startsWith('ticket.'));
  return {
    ...Object.fromEntries(kept),
    connection: 'Upgrade',
    upgrade: 'websocket',
    ...(protocols.length > 0 && { 'sec-websocket-protocol': protocols.join(', ') }),
  };
}

/** From the names and values of Node's `rawHeaders`. */
export function answerHeaders(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (!notAnswered.has(raw[at]!.toLowerCase())) headers.append(raw[at]!, raw[at + 1]!);
  }
  return headers;
}
