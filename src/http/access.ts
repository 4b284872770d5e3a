/**
 * Three independent checks on every request: the Host header (a rebound DNS name sends no Origin), the Origin if there
 * is one (a page of another site, or of another port on this machine), and the bearer token.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { BooError } from '../protocol/error.ts';
import { type Grant, owner } from '../people/grant.ts';
import type { Grants } from '../people/grants.ts';
import type { OpenLink, ShareLinksApi } from '../people/share-links.ts';

export { owner };

/** The server's own token, which may be replaced while it runs. */
export interface OwnToken {
  readonly current: string;
}

export interface AccessOptions {
  token: string | OwnToken;
  /** Whose token it is, if not the server's own. */
  grants?: Pick<Grants, 'find' | 'isEnded'>;
  /** Which links to chats there are. */
  links?: Pick<ShareLinksApi, 'find'> | undefined;
  /**
   * Public URLs of the server, for example `https://boo.example.org`, or `https://example.org/boo` if a proxy serves it
   * under a path and strips that path. Loopback is always allowed.
   */
  publicOrigins?: readonly string[];
  /** The server itself speaks TLS. */
  tls?: boolean;
}

export interface Access {
  /** Throws `forbidden_host` or `forbidden_origin`. `proto` is how a trusted proxy was reached. */
  checkSource(request: Request, proto?: 'http' | 'https'): void;
  /** Identifies the request by its token. Throws `unauthorized`. */
  checkToken(request: Request): Promise<Grant>;
  /** The link to a chat that the request shows in place of a token. Throws `unauthorized`. */
  checkLink(request: Request): Promise<OpenLink>;
  /** Throws `unauthorized` if what was granted has ended since. */
  assertCurrent(grant: Grant): void;
  readonly token: string;
}

const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];
const hostPattern = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([1-9]\d{0,4}))?$/;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export function createAccess({ token, grants, links, publicOrigins = [], tls = false }: AccessOptions): Access {
  const own: OwnToken = typeof token === 'string' ? { current: token } : token;
  if (!/^[\x21-\x7e]+$/.test(own.current)) {
    throw new BooError('config_invalid', 'The token must be printable ASCII without spaces, and not empty.');
  }
  const expect = (text: string) => ({ text, digest: digest(text), grant: { principal: owner, by: 'server' } as Grant });
  let expecting = expect(own.current);
  const expected = () => (expecting.text === own.current ? expecting : (expecting = expect(own.current)));
  const publicUrls = publicOrigins.map(parseOrigin);
  const origins = new Set(publicUrls.map((url) => url.origin));
  const publicHosts = new Set(publicUrls.map((url) => url.host));

  // A loopback name may have any port, because a forwarded port ends here too. A public host must have its configured
  // port.
  const isLoopbackHost = (host: string): boolean => {
    const [, name = '', port] = hostPattern.exec(host) ?? [];
    return (port === undefined || Number(port) <= 65_535) && loopbackNames.includes(name);
  };
  const isAllowedHost = (host: string): boolean => isLoopbackHost(host) || publicHosts.has(host);
  // A public host has exactly the origins that were configured: with https only, whoever can put a page at the name in
  // clear text, as anyone on the way can, is another site.
  const isAllowedOrigin = (origin: string, host: string, proto: string): boolean =>
    origins.has(origin) || (isLoopbackHost(host) && origin === `${proto}://${host}`);

  return {
    get token() {
      return own.current;
    },
    checkSource(request, proto = tls ? 'https' : 'http') {
      const host = request.headers.get('host')?.toLowerCase();
      // The request line may name a host too, which then takes precedence for routers and logs.
      if (host === undefined || !isAllowedHost(host) || !isAllowedHost(new URL(request.url).host)) {
        throw new BooError('forbidden_host', 'host: this server does not serve that name.', {
          details: { field: 'host', ...(host !== undefined && hostPattern.test(host) ? { host } : {}) },
        });
      }
      const origin = request.headers.get('origin');
      if (origin !== null && !isAllowedOrigin(origin, host, proto)) {
        throw new BooError(
          'forbidden_origin',
          'origin: pages of that origin may not use this server; to allow them, pass the origin with --public-origin.',
          {
            details: { field: 'origin' },
          },
        );
      }
    },
    async checkToken(request) {
      const given = bearerOf(request);
      // The server's own token comes first: it needs no database.
      if (given !== undefined && timingSafeEqual(digest(given), expected().digest)) return expected().grant;
      const grant = given === undefined ? undefined : await grants?.find(given);
      if (grant) return grant;
      throw refusal();
    },
    async checkLink(request) {
      const given = bearerOf(request);
      const link = given === undefined ? undefined : await links?.find(given);
      if (link) return link;
      throw refusal('followed by the secret of a link that is valid still');
    },
    assertCurrent(grant) {
      const isCurrent = grant.by === 'server' ? grant === expected().grant : grants?.isEnded(grant) !== true;
      if (!isCurrent) throw refusal();
    },
  };
}

const bearerOf = ({ headers }: Request): string | undefined =>
  /^bearer +([\x21-\x7e]+)$/i.exec(headers.get('authorization') ?? '')?.[1];

function refusal(what = 'followed by a valid token'): BooError {
  return new BooError('unauthorized', `authorization: must be “Bearer” ${what}.`, {
    details: { field: 'authorization' },
  });
}

function parseOrigin(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // A user name or password is in front of the host, so the comparison fails.
  if (
    url === undefined ||
    /[?#]/.test(text) ||
    !['http:', 'https:'].includes(url.protocol) ||
    !/^(\/|$)/.test(text.slice(url.origin.length)) ||
    url.origin !== text.slice(0, url.origin.length).toLowerCase()
  ) {
    throw new BooError('config_invalid', `The public origin must look like https://boo.example.org, but was ${text}.`);
  }
  return url;
}
