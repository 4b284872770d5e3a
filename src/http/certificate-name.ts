import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

/**
 * By which name a client on this machine reaches the server so that its certificate holds: a loopback name, if it is for
 * one; the address that the server listens on; or else its first full name.
 */
export function nameIn(certificate: X509Certificate, host: string): string {
  const isAll = ['0.0.0.0', '::'].includes(host);
  const listened = isAll ? ['localhost', '127.0.0.1'] : [host];
  const local = ['127.0.0.1', 'localhost', '::1'].includes(host) ? ['localhost', host] : listened;
  const isFor = (name: string): boolean =>
    isIP(name) === 0 ? certificate.checkHost(name) !== undefined : certificate.checkIP(name) !== undefined;
  const [, first] = /(?:^|, )DNS:([a-z0-9.-]+)(?:,|$)/i.exec(certificate.subjectAltName ?? '') ?? [];
  const name = local.find(isFor) ?? first ?? (isAll ? '127.0.0.1' : host);
  return name.includes(':') ? `[${name}]` : name;
}
