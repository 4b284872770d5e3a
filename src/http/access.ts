/**
 * Who may ask at all. Three independent checks: the Host header (a rebound DNS name sends no Origin), the Origin where
 * there is one (a page of another site, or of another port of this machine), and the bearer token.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { BooError } from '../protocol/error.ts';
import type { Principal } from '../protocol/principal.ts';

export interface AccessOptions {
  token: string;
  /**
   * Where the server is reached from outside, for example `https://boo.example.org`, or `https://example.org/boo` where a
   * proxy serves it below a path and takes that away. Loopback needs no mention.
   */
  publicOrigins?: readonly string[];
}

export interface Access {
  /** Throws `forbidden_host` or `forbidden_origin`. */
  checkSource(request: Request): void;
  /** Whose token the request shows. Throws `unauthorized`. */
  checkToken(request: Request): Principal;
  readonly token: string;
}

/** Whose the server's token is, and so whatever is opened with it. */
export const owner: Principal = { id: 'owner', name: 'owner', role: 'owner' };

const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];
const hostPattern = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([1-9]\d{0,4}))?$/;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export function createAccess({ token, publicOrigins = [] }: AccessOptions): Access {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new BooError('config_invalid', 'The token must be printable ASCII without spaces, and not empty.');
  }
  const expected = digest(token);
  const publicUrls = publicOrigins.map(parseOrigin);
  const origins = new Set(publicUrls.map((url) => url.origin));
  const publicHosts = new Set(publicUrls.map((url) => url.host));

  // A loopback name may have any port: a forwarded port still ends here. A public host has the one it was given.
  const isAllowedHost = (host: string): boolean => {
    const [, name = '', port] = hostPattern.exec(host) ?? [];
    if (port !== undefined && Number(port) > 65_535) return false;
    return loopbackNames.includes(name) || publicHosts.has(host);
  };

  return {
    token,
    checkSource(request) {
      const host = request.headers.get('host')?.toLowerCase();
      // The request line may name a host too, and where it does, routers and logs go by that one.
      if (host === undefined || !isAllowedHost(host) || !isAllowedHost(new URL(request.url).host)) {
        throw new BooError('forbidden_host', 'host: this server does not answer to that name.', {
          details: { field: 'host', ...(host !== undefined && hostPattern.test(host) ? { host } : {}) },
        });
      }
      const origin = request.headers.get('origin');
      if (origin !== null && origin !== `http://${host}` && !origins.has(origin)) {
        throw new BooError(
          'forbidden_origin',
          'origin: pages of that origin may not use this server; name it with --public-origin if they should.',
          {
            details: { field: 'origin' },
          },
        );
      }
    },
    checkToken(request) {
      const [, given] = /^bearer +([\x21-\x7e]+)$/i.exec(request.headers.get('authorization') ?? '') ?? [];
      if (given === undefined || !timingSafeEqual(digest(given), expected)) {
        throw new BooError('unauthorized', 'authorization: must be Bearer and the server’s token.', {
          details: { field: 'authorization' },
        });
      }
      return owner;
    },
  };
}

function parseOrigin(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // A name or a password stands before the host, where the comparison finds it.
  if (
    url === undefined ||
    /[?#]/.test(text) ||
    !['http:', 'https:'].includes(url.protocol) ||
    !/^(\/|$)/.test(text.slice(url.origin.length)) ||
    url.origin !== text.slice(0, url.origin.length).toLowerCase()
  ) {
    throw new BooError('config_invalid', `The public origin must look like https://boo.example.org, and was ${text}.`);
  }
  return url;
}
