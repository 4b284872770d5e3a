/** A path below which a proxy serves us, whether or not it strips it. */
import { secure } from './security-headers.ts';

/** The target of a request without the path; undefined if a slash is missing that the page's own links need. */
export function withoutBasePath(target: string, basePath: string): string | undefined {
  if (basePath === '' || !target.startsWith(basePath)) return target;
  const rest = target.slice(basePath.length);
  if (rest.startsWith('/')) return rest;
  return rest === '' || rest.startsWith('?') ? undefined : target;
}

/** Never to anything that the client has named. */
export function redirectToBasePath(basePath: string): Response {
  return secure(new Response(null, { status: 308, headers: { location: `${basePath}/` } }));
}
