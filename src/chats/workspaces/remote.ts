/**
 * Addresses of git remotes. They may contain a password or a token, and may name a program to run: only what is plainly
 * an address of a repository is taken, without its credentials.
 */
import { isAbsolute, resolve } from 'node:path';

const schemes: Readonly<Record<string, { scheme: string; port: string }>> = {
  'https:': { scheme: 'https', port: '443' },
  'http:': { scheme: 'http', port: '80' },
  'ssh:': { scheme: 'ssh', port: '22' },
  'git+ssh:': { scheme: 'ssh', port: '22' },
  'ssh+git:': { scheme: 'ssh', port: '22' },
  'git:': { scheme: 'git', port: '9418' },
};

const maxLength = 2_000;

/**
 * The address without credentials, for git, people and the database. Null if it is none that git allows by default, such
 * as `ext::…`. A path is made absolute from `base`.
 */
export function cleanRemote(given: string, base?: string): string | null {
  const text = given.trim();
  if (text === '' || text.length > maxLength || /^-|\p{Cc}|^[^/]*::/u.test(text)) return null;
  if (text.includes('://')) return cleanUrl(text);
  const [, user = '', host, path] = /^(?:([^@:/\s]+)@)?([^@:/\s]+):(.+)$/.exec(text) ?? [];
  if (host !== undefined && path !== undefined) {
    return host.startsWith('-') || path.startsWith('-') ? null : `${user && `${user}@`}${host}:${path}`;
  }
  if (isAbsolute(text)) return resolve(text);
  return base === undefined ? null : resolve(base, text);
}

function cleanUrl(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.protocol === 'file:') return url.host === '' ? resolve(decoded(url.pathname)) : null;
  const known = schemes[url.protocol];
  if (!known || url.hostname === '' || url.hostname.startsWith('-')) return null;
  // Over SSH the name is part of the address; over HTTP it may be a token.
  const user = known.scheme === 'ssh' && url.username !== '' ? `${url.username}@` : '';
  const port = url.port === '' || url.port === known.port ? '' : `:${url.port}`;
  return `${known.scheme}://${user}${url.hostname.toLowerCase()}${port}${url.pathname}`;
}

/** Equal for addresses of the same repository, over SSH or HTTPS, with `.git` or without. Takes a clean address. */
export function repositoryKey(remote: string): string {
  if (isAbsolute(remote)) return `file:${withoutSuffix(remote)}`;
  if (remote.includes('://')) {
    const { host, pathname } = new URL(remote.replace(/^[^:]*:/, 'http:'));
    // The default ports of HTTPS and SSH are already gone.
    return `${host}/${withoutSuffix(decoded(pathname))}`;
  }
  const colon = remote.indexOf(':');
  const host = remote.slice(remote.indexOf('@') + 1, colon).toLowerCase();
  return `${host}/${withoutSuffix(remote.slice(colon + 1))}`;
}

const withoutSuffix = (path: string): string =>
  path
    .replaceAll(/\/+/g, '/')
    .replace(/^\/(?=[^/])/, '')
    .replace(/\/+$/, '')
    .replace(/\.git$/, '');

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
