/** Where an address that a stranger gave really leads. */
export interface PageLink {
  href: string;
  /** Host and port, as the browser will look them up: letters of other alphabets stand as `xn--…`. */
  host: string;
  isEncrypted: boolean;
}

/**
 * The link to a page of the web; undefined for what must not become a link: another scheme, or an address that names a
 * user, which is how one host is made to look like another.
 */
export function pageLink(address: string): PageLink | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, host, href, username, password } = new URL(address);
  if ((protocol !== 'https:' && protocol !== 'http:') || username !== '' || password !== '') return undefined;
  return { href, host, isEncrypted: protocol === 'https:' };
}
