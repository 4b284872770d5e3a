import fs, { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { tlsFixtures } from '../../test/support/own-postgres.ts';
import type { BooError } from '../protocol/error.ts';
import { type DatabaseTls, readTlsFiles, type TlsFiles, tlsTrouble } from './database-tls.ts';

describe('DATA-18: why TLS failed, and which parameter to change', () => {
  const place = { host: 'db', port: 5432 };
  const trouble = (code: string, tls: Partial<DatabaseTls> = {}, host = place.host): string =>
    tlsTrouble(code, { ...place, host }, { asked: 'verify-full', ...tls } as DatabaseTls);

  test.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'CERT_UNTRUSTED',
  ])('%s: nobody known has signed the certificate', (code) => {
    expect(trouble(code)).toBe(
      'The certificate of the database at db:5432 is signed by an unknown authority, but sslmode=verify-full requires a known one: name the file with its authority’s certificate in sslrootcert.',
    );
    expect(trouble(code, { hasRootCert: true })).toBe(
      'The certificate of the database at db:5432 is not signed by an authority in sslrootcert: name the file with the right one, or use sslmode=require without it.',
    );
  });

  test.each([
    [
      'NO_TLS',
      'The database at db:5432 has no TLS, but sslmode=verify-full requires it: turn TLS on there, or use sslmode=prefer.',
    ],
    [
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'The certificate of the database at db:5432 is not valid for db, but sslmode=verify-full requires that: use the host it is valid for, or use sslmode=verify-ca.',
    ],
    [
      'CERT_HAS_EXPIRED',
      'The certificate of the database at db:5432 has expired, but sslmode=verify-full requires a valid one: renew it there.',
    ],
    [
      'CERT_NOT_YET_VALID',
      'The certificate of the database at db:5432 is not valid yet, but sslmode=verify-full requires a valid one: renew it there.',
    ],
    ['EPROTO', 'TLS negotiation with the database at db:5432 failed (EPROTO): check sslmode=verify-full.'],
  ])('%s', (code, sentence) => {
    expect(trouble(code)).toBe(sentence);
  });

  test('an unclear failure names every parameter that may be wrong', () => {
    expect(trouble('EPROTO', { isDirect: true, hasCert: true, asked: 'require' }, '::1')).toBe(
      'TLS negotiation with the database at [::1]:5432 failed (EPROTO): check sslnegotiation and sslcert and sslmode=require.',
    );
  });
});

describe('DATA-18: certificate files', () => {
  const at = (name: string): string => join(tlsFixtures, name);

  test('an unusable one is refused with its parameter, its path and the reason', () => {
    const cert = at('client.crt');
    const own = { sslcert: cert, sslkey: at('test-only-client.key') };
    expect(readTlsFiles(own)).toBeDefined();
    // Half of a pair is not used.
    expect(readTlsFiles({ sslcert: '/nonexistent' })).toBeDefined();
    const other = at('test-only-server-name.key');
    const refused = (files: TlsFiles): unknown => {
      try {
        return readTlsFiles(files);
      } catch (error) {
        const { code, message, cause } = error as BooError;
        return [code, message, cause instanceof Error];
      }
    };
    expect(
      [
        { sslrootcert: '/nonexistent' },
        { ...own, sslkey: '/nonexistent' },
        { ...own, sslcert: own.sslkey },
        { ...own, sslkey: cert },
        { ...own, sslkey: other },
      ].map(refused),
    ).toEqual([
      ['config_invalid', 'sslrootcert: the file /nonexistent cannot be read', true],
      ['config_invalid', 'sslkey: the file /nonexistent cannot be read', true],
      ['config_invalid', `sslcert: the file ${own.sslkey} contains no certificate`, true],
      ['config_invalid', `sslkey: the file ${cert} contains no private key without a passphrase`, true],
      ['config_invalid', `sslkey: the key in ${other} does not match the certificate in ${cert}`, false],
    ]);
    vi.stubEnv('SSL_CERT_FILE', other);
    try {
      expect(() => readTlsFiles({ sslrootcert: 'system' })).toThrow(
        `sslrootcert=system: SSL_CERT_FILE: the file ${other} contains no certificate`,
      );
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('what the machine trusts is found where its system keeps it', () => {
    const certificate = readFileSync(at('ca.crt'), 'utf8');
    vi.stubEnv('SSL_CERT_FILE', '');
    const exists = vi.spyOn(fs, 'existsSync');
    const reads = vi.spyOn(fs, 'readFileSync').mockReturnValue(certificate);
    syncBuiltinESMExports();
    try {
      const places = [
        '/etc/ssl/certs/ca-certificates.crt',
        '/etc/pki/tls/certs/ca-bundle.crt',
        '/etc/ssl/ca-bundle.pem',
        '/etc/ssl/cert.pem',
      ];
      for (const place of places) {
        exists.mockImplementation((path) => path === place);
        readTlsFiles({ sslrootcert: 'system' });
        expect(reads).toHaveBeenLastCalledWith(place, 'utf8');
      }
      exists.mockReturnValue(false);
      readTlsFiles({ sslrootcert: 'system' });
      expect(reads).toHaveBeenCalledTimes(places.length);
      exists.mockReturnValue(true);
      reads.mockImplementation(() => {
        throw new Error('EACCES');
      });
      expect(() => readTlsFiles({ sslrootcert: 'system' })).toThrow(
        'sslrootcert=system: the file /etc/ssl/certs/ca-certificates.crt cannot be read',
      );
    } finally {
      vi.restoreAllMocks();
      vi.unstubAllEnvs();
      syncBuiltinESMExports();
    }
  });
});
