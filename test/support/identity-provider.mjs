// A real OpenID Connect provider on loopback, whose people need no password.
import Provider from 'oidc-provider';

/**
 * `people`: by what they type to sign in, their claims; it may be changed while it runs. `tamper`: changes what the token
 * endpoint answers. A public client has no secret.
 *
 * @param {{ redirectUri: string, port: number, isPublic?: boolean }} options
 */
export async function openIdentityProvider({ redirectUri, port, isPublic = false }) {
  /** @type {Record<string, Record<string, unknown>>} */
  const people = {};
  const issuer = `http://127.0.0.1:${port}`;
  const secret = 'a-client-secret-of-the-tests';
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'boocode',
        redirect_uris: [redirectUri],
        ...(isPublic ? { token_endpoint_auth_method: 'none' } : { client_secret: secret }),
      },
    ],
    claims: { openid: ['sub'], profile: ['name', 'groups'] },
    cookies: { keys: ['a-key-of-the-tests'] },
    pkce: { required: () => true },
    findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id, ...people[id] }) }),
  });
  const opened = { issuer, secret, people, tamper: undefined, close };
  provider.use(async (context, next) => {
    await next();
    if (context.path === '/token' && opened.tamper) opened.tamper(context.body);
  });
  const server = await new Promise((resolve) => {
    const listening = provider.listen(port, '127.0.0.1', () => resolve(listening));
  });
  async function close() {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  return opened;
}

/**
 * Goes through the provider's forms as a browser would, from the address that it was sent to. Resolves to where the provider
 * sends it in the end.
 *
 * @param {string} url
 * @param {string} login
 * @returns {Promise<string>}
 */
export async function signInAt(url, login) {
  const { origin } = new URL(url);
  /** @type {Map<string, string>} */
  const jar = new Map();
  const go = async (/** @type {string} */ to, /** @type {Record<string, string> | undefined} */ form) => {
    const response = await fetch(new URL(to, origin), {
      redirect: 'manual',
      method: form ? 'POST' : 'GET',
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form && { body: new URLSearchParams(form) }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === '') jar.delete(name);
      else jar.set(name, value);
    }
    await response.arrayBuffer();
    return response.headers.get('location') ?? undefined;
  };
  let next = url;
  for (let step = 0; step < 12; step += 1) {
    const form = next.includes('/interaction/')
      ? step < 3
        ? { prompt: 'login', login, password: 'any' }
        : { prompt: 'consent' }
      : undefined;
    const location = await go(next, form);
    if (location === undefined) throw new Error(`The provider sends nobody on from ${next}.`);
    next = new URL(location, origin).href;
    if (new URL(next).origin !== origin) return next;
  }
  throw new Error('The provider does not come to an end.');
}
