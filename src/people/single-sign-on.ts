/**
 * Single sign-on by OpenID Connect: the authorisation code flow with PKCE. What the browser must remember on its way to the
 * provider and back is in a cookie of its own, so that any host can finish what another one has begun, and nobody can finish
 * what somebody else has begun. What comes of it is a code like that of a sign-in link.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type * as OpenIdClient from 'openid-client';
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import { personName } from '../protocol/people.ts';
import type { Principal, Role } from '../protocol/principal.ts';
import { ask } from '../store/ask.ts';
import type { Sql } from '../store/database.ts';
import { findIdentity, type Identity, insertIdentity } from '../store/identities.ts';
import { isNameTaken } from '../store/people.ts';
import { isUniqueViolation } from '../store/storage-error.ts';
import type { Grants } from './grants.ts';
import { changeRole, endAccessOf } from './person-changes.ts';
import { roleByClaims, type RoleRule } from './role-rules.ts';

export interface SingleSignOnSettings {
  issuer: string;
  clientId: string;
  /** The file with the client's secret; without one it is a public client. */
  clientSecretFile: string | null;
  scopes: string;
  roleClaim: string;
  roleRules: readonly RoleRule[];
  /** How long a browser stays signed in, however much it is used. */
  sessionHours: number;
}

export interface SingleSignOnParts {
  settings: SingleSignOnSettings;
  sql: Sql;
  grants: Grants;
  clock: Clock;
  logger: Log;
}

/** What a browser remembers between the beginning and the end. */
const memory = z.strictObject({ state: z.string(), nonce: z.string(), verifier: z.string() });

interface Provider {
  oidc: typeof OpenIdClient;
  config: OpenIdClient.Configuration;
}

export interface SignOn {
  principal: Principal;
  notAfter: Date;
}

export interface SingleSignOnApi {
  /** What the sign-in page calls the provider. */
  readonly name: string;
  /** Where to send the browser, and what it has to remember. Throws `provider_failed`. */
  begin(redirectUri: string): Promise<{ url: string; memory: string }>;
  /**
   * `answer`: the URL that the provider sent the browser to. `tell` gets whose access has ended by it.
   * Throws `unauthorized`, `forbidden`, `provider_failed`.
   */
  finish(answer: URL, memory: string | undefined, tell: (person: Principal) => void): Promise<SignOn>;
}

const timeoutSeconds = 10;
/** A provider that is away is not asked more often. */
const retryMs = 5_000;
/** How long somebody may take at the provider. */
export const memorySeconds = 600;

export class SingleSignOn implements SingleSignOnApi {
  readonly name: string;
  readonly #parts: SingleSignOnParts;
  #provider: Promise<Provider> | undefined;

  constructor(parts: SingleSignOnParts) {
    this.#parts = parts;
    this.name = new URL(parts.settings.issuer).hostname;
  }

  async begin(redirectUri: string): Promise<{ url: string; memory: string }> {
    const { oidc, config } = await this.#open();
    const state = oidc.randomState();
    const nonce = oidc.randomNonce();
    const verifier = oidc.randomPKCECodeVerifier();
    const challenge = await oidc.calculatePKCECodeChallenge(verifier);
    let url: URL;
    try {
      url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: this.#parts.settings.scopes,
        code_challenge: challenge,
        code_challenge_method: 'S256',
        state,
        nonce,
      });
    } catch (error) {
      // It describes itself without an address to sign in at.
      throw this.#unreachable(error);
    }
    return { url: url.href, memory: Buffer.from(JSON.stringify({ state, nonce, verifier })).toString('base64url') };
  }

  async finish(answer: URL, remembered: string | undefined, tell: (person: Principal) => void): Promise<SignOn> {
    const { settings, clock, logger } = this.#parts;
    const begun = readMemory(remembered);
    // Also what a page of somebody else has begun, for itself.
    if (!begun || begun.state !== answer.searchParams.get('state')) {
      throw refused('This sign-in was not begun in this browser, or more than ten minutes ago. Begin again.');
    }
    const claims = await this.#claims(answer, begun);
    const identity = { issuer: settings.issuer, subject: claims['sub'] as string };
    const role = roleByClaims(settings.roleRules, settings.roleClaim, claims);
    if (role === null) {
      logger.info({ subject: identity.subject, claim: settings.roleClaim }, 'Somebody without a role has signed in.');
      await this.#shutOut(identity, tell);
      throw new BooError('forbidden', `${this.name} gives you no role here. Ask whoever runs this server for one.`);
    }
    const principal = await this.#enter(identity, namesIn(claims), role);
    return { principal, notAfter: new Date(clock.now().getTime() + settings.sessionHours * 3_600_000) };
  }

  /** Of the id token, and what the provider tells besides. */
  async #claims(answer: URL, { state, nonce, verifier }: z.infer<typeof memory>): Promise<Record<string, unknown>> {
    const { oidc, config } = await this.#open();
    try {
      const tokens = await oidc.authorizationCodeGrant(config, answer, {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
      });
      const own = tokens.claims()!;
      if (config.serverMetadata().userinfo_endpoint === undefined) return { ...own };
      return { ...(await oidc.fetchUserInfo(config, tokens.access_token, own.sub)), ...own };
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Whoever had a role and has none any more keeps nothing that they could come in by. */
  async #shutOut(identity: Identity, tell: (person: Principal) => void): Promise<void> {
    const known = await ask(() => findIdentity(this.#parts.sql, identity));
    if (!known || known.isRemoved) return;
    const { personId: id, name, role } = known;
    await endAccessOf(this.#parts, id);
    tell({ id, name, role });
    this.#parts.logger.info({ person: id }, 'Somebody has lost their role at the provider, and what they had ended.');
  }

  async #enter(identity: Identity, names: readonly string[], role: Role): Promise<Principal> {
    const { sql, logger } = this.#parts;
    const known = await ask(() => findIdentity(sql, identity));
    if (known) {
      const { personId: id, name, isRemoved } = known;
      if (isRemoved) throw new BooError('forbidden', `${name} was removed from this server by one of its owners.`);
      if (known.role !== role && (await changeRole(this.#parts, id, role))) {
        logger.info({ person: id, role, was: known.role }, 'Somebody has signed in with another role.');
      }
      return { id, name, role };
    }
    for (const name of names) {
      const person = { id: randomUUID(), name, role, createdBy: this.name };
      try {
        await ask(() => insertIdentity(sql, identity, person));
        logger.info({ person: person.id, role, provider: this.name }, 'Somebody has signed in for the first time.');
        return person;
      } catch (error) {
        // In another tab, at the same time.
        if (isUniqueViolation(error, 'identities')) return this.#enter(identity, names, role);
        if (!isNameTaken(error)) throw error;
      }
    }
    throw new BooError('forbidden', 'Others here have your name already. Ask an owner of this server to remove one.');
  }

  #open(): Promise<Provider> {
    this.#provider ??= this.#discover().catch((error: unknown) => {
      this.#parts.clock.after(retryMs, () => (this.#provider = undefined));
      throw this.#unreachable(error);
    });
    return this.#provider;
  }

  async #discover(): Promise<Provider> {
    const { issuer, clientId, clientSecretFile } = this.#parts.settings;
    const oidc = await import('openid-client');
    const secret = clientSecretFile === null ? null : (await readFile(clientSecretFile, 'utf8')).trim();
    const url = new URL(issuer);
    const config = await oidc.discovery(url, clientId, {}, secret === null ? oidc.None() : anyWay(oidc, secret), {
      timeout: timeoutSeconds,
      // Settings accept such an issuer on this machine only.
      ...(url.protocol === 'http:' && { execute: [oidc.allowInsecureRequests] }),
    });
    // The signature of an id token counts as well, not only where it came from.
    oidc.enableNonRepudiationChecks(config);
    return { oidc, config };
  }

  /** Of an answer that was not accepted: whose fault it is. */
  #failure(error: unknown): BooError {
    const { code, error: reason } = error as { code?: string; error?: string };
    if (reason === undefined && !isOfAnswer(code)) return this.#unreachable(error);
    this.#parts.logger.warn({ err: error, provider: this.name }, 'A sign-in by the identity provider was refused.');
    if (reason === 'access_denied') return refused(`${this.name} did not let you in.`);
    if (reason !== undefined) return refused(`${this.name} has refused this sign-in (${plain(reason)}). Begin again.`);
    return refused(`The answer of ${this.name} is not valid. Begin again.`);
  }

  #unreachable(cause: unknown): BooError {
    this.#parts.logger.warn({ err: cause, provider: this.name }, 'The identity provider cannot be asked.');
    return new BooError('provider_failed', `${this.name} cannot be asked who you are. The server’s log says why.`, {
      cause,
    });
  }
}

/** What was answered is not what was asked for, or is not signed as it should be. */
const isOfAnswer = (code: string | undefined): boolean =>
  code !== undefined && code.startsWith('OAUTH_') && !/^OAUTH_(TIMEOUT|RESPONSE_IS_NOT_(CONFORM|JSON))$/.test(code);

const refused = (sentence: string): BooError => new BooError('unauthorized', sentence, { details: { field: 'state' } });

/** Codes of OAuth are such words; anything else is not repeated. */
const plain = (reason: string): string => (/^[a-z_]{1,60}$/.test(reason) ? reason : 'unknown');

function readMemory(text: string | undefined): z.infer<typeof memory> | undefined {
  try {
    return memory.parse(JSON.parse(Buffer.from(text ?? '', 'base64url').toString('utf8')));
  } catch {
    return undefined;
  }
}

/** In the way that the provider prefers; most accept both. */
function anyWay(oidc: typeof OpenIdClient, secret: string): OpenIdClient.ClientAuth {
  const [basic, post] = [oidc.ClientSecretBasic(secret), oidc.ClientSecretPost(secret)];
  return (server, client, body, headers) => {
    const ways = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return (ways.includes('client_secret_basic') ? basic : post)(server, client, body, headers);
  };
}

/** What the person may be called here, the best first. */
function namesIn(claims: Readonly<Record<string, unknown>>): string[] {
  const { name, preferred_username: user, email, sub } = claims;
  const given = [name, user, email, sub].filter((each) => typeof each === 'string');
  const usable = given.flatMap((each) => personName.safeParse(each).data ?? []);
  const [first = 'Person'] = usable;
  const numbered = Array.from({ length: 98 }, (_, index) => `${first.slice(0, 60).trim()} ${index + 2}`);
  return [...new Set([...usable, ...numbered])];
}
