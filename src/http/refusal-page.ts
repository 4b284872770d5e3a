import { BooError } from '../protocol/error.ts';

/** For someone who opens the server in a browser, where a JSON problem would not help. */
export const isNavigation = (request: Request): boolean =>
  request.method === 'GET' && /\btext\/html\b/.test(request.headers.get('accept') ?? '');

/** For whoever the identity provider has sent back, and who cannot be signed in. */
export function signOnPage(error: BooError, status: number, again: string): Response {
  const text = status === 500 ? 'An internal error occurred. See the server’s log.' : error.message;
  const sentence = text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>BooCode could not sign you in</title>
<h1>BooCode could not sign you in</h1>
<p>${sentence}</p>
<p><a href="${again}">Back to the sign-in page</a></p>
</html>
`;
  return new Response(page, { status, headers: { 'content-type': 'text/html; charset=utf-8' } });
}

/** What to configure if a browser used a name that the server does not know; undefined for every other error. */
export function refusalPage(error: unknown): Response | undefined {
  if (!(error instanceof BooError) || error.code !== 'forbidden_host') return undefined;
  // The name has matched the pattern of host names, so it contains no HTML.
  const { host } = error.details;
  const what =
    typeof host === 'string'
      ? `<p>BooCode does not answer to the name ${host}. If this is its address, start it with</p>
<pre>boocode serve --public-origin https://${host}</pre>`
      : '<p>The proxy before BooCode passes on no usable <code>Host</code>.</p>';
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>BooCode is not set up for this address</title>
<h1>BooCode is not set up for this address</h1>
${what}
<p>A proxy has to pass on the <code>Host</code> that the browser asked for, <code>Origin</code>, and the headers
<code>Upgrade</code> and <code>Connection</code> of WebSockets.</p>
</html>
`;
  return new Response(page, { status: 403, headers: { 'content-type': 'text/html; charset=utf-8' } });
}
