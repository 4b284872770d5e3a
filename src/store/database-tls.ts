/** TLS to a database, following libpq's parameters, and the error texts when it fails. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP, type Socket } from 'node:net';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { BooError } from '../protocol/error.ts';

/** `allow` and `prefer` also accept a connection without TLS: `allow` first, `prefer` if there is no TLS. */
export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface DatabaseTls {
  mode: SslMode;
  /** The `sslmode` as written: with `sslrootcert`, `require` is equivalent to `verify-ca`. */
  asked: SslMode;
  /** TLS from the first byte, without asking. */
  isDirect: boolean;
  /** Whether `sslrootcert` and `sslcert` were given. */
  hasRootCert: boolean;
  hasCert: boolean;
  secureContext: SecureContext;
}

export interface TlsFiles {
  /** `system` for what this machine trusts; if missing, what Node bundles. */
  sslrootcert?: string | undefined;
  sslcert?: string | undefined;
  sslkey?: string | undefined;
}

/**
 * Throws `config_invalid`, naming the parameter whose file is unusable: the driver would fail at each connection, or
 * ignore it.
 */
export function readTlsFiles({ sslrootcert, sslcert, sslkey }: TlsFiles): SecureContext {
  const ca =
    sslrootcert === 'system' ? systemCertificates() : sslrootcert && readCertificate('sslrootcert', sslrootcert);
  if (!sslcert || !sslkey) return createSecureContext({ ca: ca || undefined });
  const cert = readCertificate('sslcert', sslcert);
  const key = readFile('sslkey', sslkey);
  try {
    if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      return createSecureContext({ ca: ca || undefined, cert, key });
    }
  } catch (cause) {
    throw new BooError('config_invalid', `sslkey: the file ${sslkey} contains no private key without a passphrase`, {
      cause,
    });
  }
  throw new BooError('config_invalid', `sslkey: the key in ${sslkey} does not match the certificate in ${sslcert}`);
}

function readCertificate(name: string, path: string): string {
  const pem = readFile(name, path);
  try {
    void new X509Certificate(pem);
    return pem;
  } catch (cause) {
    throw new BooError('config_invalid', `${name}: the file ${path} contains no certificate`, { cause });
  }
}

function readFile(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new BooError('config_invalid', `${name}: the file ${path} cannot be read`, { cause });
  }
}

const systemFiles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** Node trusts what it bundles, not what an administrator has added. `SSL_CERT_FILE` is OpenSSL's own variable. */
function systemCertificates(): string | undefined {
  const named = process.env['SSL_CERT_FILE'];
  if (named) return readCertificate('sslrootcert=system: SSL_CERT_FILE', named);
  const path = systemFiles.find((each) => existsSync(each));
  return path === undefined ? undefined : readFile('sslrootcert=system', path);
}

/** Starts TLS on a connection. `host` is what `verify-full` requires in the certificate: a name or an address. */
export function secure(socket: Socket, host: string, tls: DatabaseTls): TLSSocket {
  return connect({
    socket,
    secureContext: tls.secureContext,
    // Node would use `localhost` for every address.
    host,
    ...(isIP(host) ? {} : { servername: host }),
    rejectUnauthorized: tls.mode.startsWith('verify'),
    ...(tls.mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    ...(tls.isDirect ? { ALPNProtocols: ['postgresql'] } : {}),
  });
}

/** The server has said that it has none. */
export const noTls = 'NO_TLS';

const unknownSigner = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
]);

/** Why TLS with this host failed, in one sentence that names the parameter to change. */
export function tlsTrouble(code: string, { host, port }: { host: string; port: number }, tls: DatabaseTls): string {
  const asked = `sslmode=${tls.asked}`;
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const certificate = `The certificate of the database at ${place}`;
  if (code === noTls) {
    return `The database at ${place} has no TLS, but ${asked} requires it: turn TLS on there, or use sslmode=prefer.`;
  }
  if (unknownSigner.has(code)) {
    return tls.hasRootCert
      ? `${certificate} is not signed by an authority in sslrootcert: name the file with the right one, or use sslmode=require without it.`
      : `${certificate} is signed by an unknown authority, but ${asked} requires a known one: name the file with its authority’s certificate in sslrootcert.`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `${certificate} is not valid for ${host}, but ${asked} requires that: use the host it is valid for, or use sslmode=verify-ca.`;
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    const when = code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet';
    return `${certificate} ${when}, but ${asked} requires a valid one: renew it there.`;
  }
  const names = [...(tls.isDirect ? ['sslnegotiation'] : []), ...(tls.hasCert ? ['sslcert'] : []), asked];
  return `TLS negotiation with the database at ${place} failed (${code}): check ${names.join(' and ')}.`;
}
