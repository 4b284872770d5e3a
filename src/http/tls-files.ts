/**
 * A certificate and its key, from files that may change: a renewal is noticed by the content, whether the files are
 * written in place or a link is swapped. A pair that cannot be used changes nothing.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { BooError, toBooError } from '../protocol/error.ts';

export interface TlsPaths {
  cert: string;
  key: string;
}

export interface TlsFiles {
  /** For the next connection. */
  readonly context: SecureContext;
  /** Of the certificate that is in use. */
  readonly certificate: X509Certificate;
  close(): void;
}

interface Pair {
  context: SecureContext;
  certificate: X509Certificate;
}

const lookEveryMs = 5_000;
const soonMs = 14 * 24 * 3_600_000;

/** Throws `config_invalid` with one sentence. */
export function openTlsFiles(paths: TlsPaths, { clock, log }: { clock: Clock; log: Log }): TlsFiles {
  let inUse = contentOf(paths);
  let pair = pairOf(paths, inUse);
  let seen = inUse;
  let told = inUse;
  const warn = (): void => {
    for (const sentence of warningsAbout(paths, pair, clock.now())) log.warn({}, sentence);
  };
  warn();

  const look = (): void => {
    const now = contentOf(paths);
    if (now !== inUse) {
      try {
        pair = pairOf(paths, now);
        inUse = now;
        told = now;
        log.info({ until: pair.certificate.validTo }, 'The TLS certificate has changed and is in use.');
        warn();
      } catch (error) {
        // The two files are not replaced at the same moment: only what stays is worth a line, and only one.
        if (now === seen && now !== told) {
          told = now;
          log.error({}, `The TLS files have changed and cannot be used, so the ones before stay. ${sentenceOf(error)}`);
        }
      }
    }
    seen = now;
    stop = clock.after(lookEveryMs, look);
  };
  let stop = clock.after(lookEveryMs, look);
  return {
    get context() {
      return pair.context;
    },
    get certificate() {
      return pair.certificate;
    },
    close: () => stop(),
  };
}

/** What `boocode doctor` and a start say about a pair that works. */
export function warningsAbout({ key }: TlsPaths, { certificate }: Pick<Pair, 'certificate'>, now: Date): string[] {
  const warnings: string[] = [];
  const others = process.platform === 'win32' ? 0 : statSync(key).mode & 0o027;
  if (others !== 0) warnings.push(`Others on this machine can read or change ${key}: \`chmod 600\` it.`);
  const until = new Date(certificate.validTo);
  if (until < now) warnings.push(`The TLS certificate has expired on ${certificate.validTo}.`);
  else if (until.getTime() - now.getTime() < soonMs) {
    warnings.push(`The TLS certificate expires on ${certificate.validTo}.`);
  }
  return warnings;
}

/** The certificate of a pair that can be used. Throws `config_invalid` with one sentence. */
export function checkTlsFiles(paths: TlsPaths): X509Certificate {
  return pairOf(paths, contentOf(paths)).certificate;
}

/** Both files; one that cannot be read counts as its error. */
function contentOf({ cert, key }: TlsPaths): string {
  return JSON.stringify([readOr(cert), readOr(key)]);
}

function readOr(path: string): { text: string } | { code: string } {
  try {
    return { text: readFileSync(path, 'utf8') };
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? 'unknown' };
  }
}

function pairOf({ cert, key }: TlsPaths, content: string): Pair {
  const [certFile, keyFile] = JSON.parse(content) as [ReturnType<typeof readOr>, ReturnType<typeof readOr>];
  const certText = textOf('--tls-cert', cert, certFile);
  const keyText = textOf('--tls-key', key, keyFile);
  const certificate = tried(() => new X509Certificate(certText), `--tls-cert: ${cert} is no certificate in PEM.`);
  const privateKey = tried(
    () => createPrivateKey(keyText),
    `--tls-key: ${key} is no private key in PEM, or needs a passphrase.`,
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new BooError('config_invalid', `--tls-key: ${key} is not the key of the first certificate in ${cert}.`);
  }
  const context = tried(
    () => createSecureContext({ cert: certText, key: keyText, minVersion: 'TLSv1.2' }),
    `--tls-cert: ${cert} and its key cannot be used for TLS.`,
  );
  return { certificate, context };
}

function textOf(flag: string, path: string, file: ReturnType<typeof readOr>): string {
  if ('text' in file) return file.text;
  throw new BooError('config_invalid', `${flag}: ${path} cannot be read (${file.code}).`);
}

function tried<T>(make: () => T, sentence: string): T {
  try {
    return make();
  } catch (cause) {
    throw new BooError('config_invalid', sentence, { cause });
  }
}

const sentenceOf = (error: unknown): string => toBooError(error).message;
