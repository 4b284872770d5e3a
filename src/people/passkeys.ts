/**
 * Passkeys: adding them, and signing in by them. What a device has to sign is in the database, so that any host finishes what
 * another one has begun; it is for one origin, and works once. The key is asked for with what unlocks the device.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import type { AddPasskey, Passkey, PasskeyQuestion, SignInWithPasskey } from '../protocol/passkey.ts';
import type { Actor, Principal } from '../protocol/principal.ts';
import { ask } from '../store/ask.ts';
import type { Sql } from '../store/database.ts';
import {
  deletePasskey,
  findPasskey,
  hasPasskeys,
  insertChallenge,
  insertPasskey,
  listPasskeys,
  maxPasskeysEach,
  type NewChallenge,
  notePasskeyUse,
  type PasskeyRow,
  useChallenge,
} from '../store/passkeys.ts';
import { digestOf, type Grant, lesserRole, newCode, owner, personIdOf } from './grant.ts';
import { assertNoMore } from './people.ts';
import { bytesOf, readMadePasskey, readPasskeyUse } from './passkey-answers.ts';
import type { SignedIn, SignInCodes } from './sign-ins.ts';

export interface PasskeysParts {
  sql: Sql;
  codes: SignInCodes;
  clock: Clock;
  logger: Log;
}

/** How long somebody may take at their device. */
const challengeSeconds = 300;
/** Everybody who sees the sign-in page asks whether there are any. */
const rememberedMs = 5_000;

/** Tells whose passkey it is, also if it is refused then. */
export type TellPasskey = (facts: { person: Principal; details: { passkey: string } }) => void;

export class Passkeys {
  readonly #parts: PasskeysParts;
  #has: { value: boolean; atMs: number } | undefined;

  constructor(parts: PasskeysParts) {
    this.#parts = parts;
  }

  /** Whether anybody can sign in by one. False if nobody can tell: then nobody can sign in so, either. */
  async has(): Promise<boolean> {
    const atMs = this.#parts.clock.monotonicMs();
    if (this.#has && atMs - this.#has.atMs < rememberedMs) return this.#has.value;
    const value = await ask(() => hasPasskeys(this.#parts.sql)).catch(() => false);
    this.#has = { value, atMs };
    return value;
  }

  /** One's own, or everybody's, for owners. */
  async list({ principal }: Grant, { everyone }: { everyone: boolean }): Promise<Passkey[]> {
    const { name, role } = principal;
    if (everyone && role !== 'owner') {
      throw new BooError(
        'forbidden',
        `${name} has the role ${role} here; the passkeys of others need the role owner.`,
        {
          details: { needs: 'owner', role },
        },
      );
    }
    const of = everyone ? 'all' : { personId: personIdOf(principal) };
    return (await ask(() => listPasskeys(this.#parts.sql, of))).map(passkeyOf);
  }

  async beginAdding(grant: Grant, origin: string): Promise<PasskeyQuestion> {
    const rpID = siteOf(origin);
    assertLasting(grant);
    const { principal } = grant;
    const here = await this.#ownAt(principal, rpID);
    // A device keeps one key for each handle. It is a random one, since other servers at this host have an owner, too.
    const userHandle = here[0]?.userHandle ?? randomBytes(32).toString('base64url');
    const { generateRegistrationOptions } = await import('@simplewebauthn/server');
    const publicKey = await generateRegistrationOptions({
      rpName: 'BooCode',
      rpID,
      userID: bytesOf(userHandle),
      userName: principal.name,
      userDisplayName: principal.name,
      challenge: await this.#challenge({ purpose: 'add', personId: personIdOf(principal), userHandle, origin }),
      timeout: challengeSeconds * 1000,
      attestationType: 'none',
      excludeCredentials: here.map(({ credentialId }) => ({ id: credentialId })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    return { publicKey: { ...publicKey } };
  }

  async add(grant: Grant, actor: Actor, { name, credential }: AddPasskey, origin: string): Promise<Passkey> {
    const rpId = siteOf(origin);
    assertLasting(grant);
    const { sql, logger } = this.#parts;
    const { principal } = grant;
    const personId = personIdOf(principal);
    const begun = await this.#use(credential.response, { purpose: 'add', personId, origin });
    if (!begun || begun.userHandle === null)
      throw invalid('credential', 'was not asked for here, or more than five minutes ago. Begin again');
    const made = await readMadePasskey(credential, { challenge: begun.challenge, origin, rpId }).catch(
      (err: unknown) => {
        logger.warn({ err, principal: principal.id }, 'A passkey was not added.');
        throw invalid('credential', 'is not what was asked for. Begin again');
      },
    );
    const { userHandle } = begun;
    const passkey = { ...made, id: randomUUID(), personId, userHandle, rpId, name, role: principal.role };
    if (!(await ask(() => insertPasskey(sql, passkey)))) {
      throw invalid('credential', `is known here already, or of somebody who has ${maxPasskeysEach} passkeys`);
    }
    this.#has = undefined;
    this.#log(actor, { passkey: passkey.id, site: rpId }, 'A passkey was added.');
    const row = await ask(() => findPasskey(sql, passkey.credentialId));
    if (!row) throw notThere();
    return passkeyOf(row);
  }

  /** One's own, as far as it allows no more than what one asks with; or anybody's, for owners. */
  async remove({ principal }: Grant, actor: Actor, id: string): Promise<void> {
    const { sql } = this.#parts;
    const of = principal.role === 'owner' ? 'all' : { personId: personIdOf(principal) };
    const passkey = (await ask(() => listPasskeys(sql, of))).find((each) => each.id === id);
    if (passkey) assertNoMore(principal, personOf(passkey).role);
    if (!(await ask(() => deletePasskey(sql, id, of)))) throw notThere();
    this.#has = undefined;
    this.#log(actor, { passkey: id }, 'A passkey was removed.');
  }

  async beginSigningIn(origin: string): Promise<PasskeyQuestion> {
    const rpID = siteOf(origin);
    const { generateAuthenticationOptions } = await import('@simplewebauthn/server');
    // Without names of keys: the device offers those that it has for this host.
    const publicKey = await generateAuthenticationOptions({
      rpID,
      challenge: await this.#challenge({ purpose: 'sign_in', personId: null, userHandle: null, origin }),
      timeout: challengeSeconds * 1000,
      userVerification: 'required',
    });
    return { publicKey: { ...publicKey } };
  }

  /** Throws `unauthorized`. */
  async signIn({ credential }: SignInWithPasskey, origin: string, label: string, tell: TellPasskey): Promise<SignedIn> {
    const rpId = siteOf(origin);
    const { sql, logger, codes } = this.#parts;
    const passkey = await ask(() => findPasskey(sql, credential.id));
    const person = passkey && personOf(passkey);
    if (person) tell({ person, details: { passkey: passkey.id } });
    const begun = await this.#use(credential.response, { purpose: 'sign_in', personId: null, origin });
    if (!begun) throw refused('This sign-in was not begun here, or more than five minutes ago. Begin again.');
    if (!passkey || !person) throw refused('This server does not know this passkey: it may have been removed.');
    const { id } = passkey;
    try {
      const { challenge } = begun;
      const counter = await readPasskeyUse(credential, passkey, { challenge, origin, rpId });
      if (!(await ask(() => notePasskeyUse(sql, id, counter)))) throw new Error('It was used or removed meanwhile.');
    } catch (err) {
      if (err instanceof BooError) throw err;
      logger.warn({ err, passkey: id, principal: person.id }, 'A passkey was refused.');
      throw refused('This passkey was not accepted. The server’s log says why.');
    }
    const { code, stored } = codes.issue({ principal: person, by: 'server' });
    await stored;
    const signedIn = await codes.redeem(code, label);
    if (!signedIn) throw refused('This person is no longer here.');
    return signedIn;
  }

  async #ownAt(principal: Principal, site: string): Promise<PasskeyRow[]> {
    const own = await ask(() => listPasskeys(this.#parts.sql, { personId: personIdOf(principal) }));
    return own.filter(({ rpId }) => rpId === site);
  }

  async #challenge(what: Omit<NewChallenge, 'digest' | 'expiresInSeconds'>): Promise<Uint8Array<ArrayBuffer>> {
    const challenge = newCode();
    const row = { ...what, digest: digestOf(challenge), expiresInSeconds: challengeSeconds };
    await ask(() => insertChallenge(this.#parts.sql, row));
    return bytesOf(challenge);
  }

  /** Null unless the challenge that was signed is one of ours, for that; it is used up. */
  async #use(
    { clientDataJSON }: { clientDataJSON: string },
    what: Pick<NewChallenge, 'purpose' | 'personId' | 'origin'>,
  ): Promise<{ challenge: string; userHandle: string | null } | null> {
    const challenge = challengeIn(clientDataJSON);
    if (challenge === undefined) return null;
    const used = await ask(() => useChallenge(this.#parts.sql, { ...what, digest: digestOf(challenge) }));
    return used && { challenge, ...used };
  }

  #log({ principal, via }: Actor, facts: object, message: string): void {
    this.#parts.logger.info({ ...facts, principal: principal.id, by: principal.name, via }, message);
  }
}

/** Without what is private. */
export type PasskeysApi = Pick<Passkeys, keyof Passkeys>;

/** What the browser says that was signed; whether it was is checked later. */
const clientData = z.looseObject({ challenge: z.string().max(200), crossOrigin: z.literal(false).optional() });

/** Undefined if no browser says such a thing for a page of its own. */
export function challengeIn(clientDataJSON: string): string | undefined {
  try {
    return clientData.parse(JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString('utf8'))).challenge;
  } catch {
    return undefined;
  }
}

/** The host for which the browser makes and uses passkeys. */
function siteOf(origin: string): string {
  const { protocol, hostname } = new URL(origin);
  if (hostname === 'localhost') return hostname;
  if (protocol === 'https:' && !/^\[|^[\d.]+$/.test(hostname)) return hostname;
  throw invalid(
    'origin',
    `is ${origin}, where no browser has passkeys: they need https and a name, or http://localhost`,
  );
}

/** A passkey does not end by itself, so it is not made by what does. */
function assertLasting({ by }: Grant): void {
  if (typeof by !== 'object' || by.expiresAt === null) return;
  const sentence =
    'What you have signed in with ends at a set time, and a passkey does not. Sign in by a link to add one.';
  throw new BooError('forbidden', sentence, { details: { expiresAt: by.expiresAt.toISOString() } });
}

function personOf({ personId, personName, personRole, role }: PasskeyRow): Principal {
  if (personId === null) return { ...owner, role: lesserRole(owner.role, role) };
  return { id: personId, name: personName ?? 'somebody', role: lesserRole(personRole ?? 'viewer', role) };
}

function passkeyOf(row: PasskeyRow): Passkey {
  const { id, name, role } = personOf(row);
  return {
    id: row.id,
    personId: id,
    personName: name,
    name: row.name,
    site: row.rpId,
    role,
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  };
}

const invalid = (field: string, problem: string): BooError =>
  new BooError('invalid_request', `${field}: ${problem}.`, { details: { field } });
const refused = (sentence: string): BooError =>
  new BooError('unauthorized', sentence, { details: { field: 'credential' } });
const notThere = (): BooError => new BooError('not_found', 'This passkey does not exist.');
