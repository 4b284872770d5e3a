/** Where an untrusted address really leads. */
export interface PageLink {
  href: string;
  /** Host and port, as the browser will look them up: letters of other alphabets as `xn--…`. */
  host: string;
  isEncrypted: boolean;
}

/**
 * The link to a web page; undefined for what must not become a link: another scheme, or an address with a user name,
 * which can make one host look like another.
 */
export function pageLink(address: string): PageLink | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, host, href, username, password } = new URL(address);
  if ((protocol !== 'https:' && protocol !== 'http:') || username !== '' || password !== '') return undefined;
  return { href, host, isEncrypted: protocol === 'https:' };
}
