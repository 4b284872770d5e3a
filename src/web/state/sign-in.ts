import { toBooError } from '../../protocol/error.ts';
import { createApi } from './api.ts';
import { baseUrl } from './base-url.ts';
import {
  startLoginSession,
  endLoginSession,
  hasLoginSessionEnded,
  joinLoginSession,
  type LoginStorages,
} from './login-session.ts';

const tokenKey = 'boocode.token';

export const storedToken = (): string | null => localStorage.getItem(tokenKey) || null;
const isSignedOut = (): boolean => localStorage.getItem(tokenKey) === null;
const storages = (): LoginStorages => ({ all: localStorage, tab: sessionStorage });

export function keepToken(token: string): void {
  if (isSignedOut()) startLoginSession(localStorage);
  localStorage.setItem(tokenKey, token);
}

/** Call before reading anything this tab has stored. Returns the id of the login session it now belongs to. */
export const enterTab = (): string => joinLoginSession(storages(), isSignedOut());

/** Another tab's token was rejected by the server. */
export const wasRefused = (): boolean => localStorage.getItem(tokenKey) === '';

/** This tab's token was signed out in another tab, and someone else may be signed in by now. */
export const hasLeft = (token: string): boolean => storedToken() !== token || hasLoginSessionEnded(storages());

/**
 * Applies to all tabs, unless another one has signed in since. A rejected token leaves an empty string behind, which
 * tells the other tabs that the user did not sign out.
 */
export function forgetToken(token: string, isRefused: boolean): void {
  if (storedToken() !== token) return;
  if (isRefused) localStorage.setItem(tokenKey, '');
  else {
    localStorage.removeItem(tokenKey);
    endLoginSession(localStorage);
  }
}

/** What another tab did; undefined if it has nothing to do with signing in. */
export function readSignInNews({ key, newValue }: StorageEvent): 'signed out' | 'refused' | 'signed in' | undefined {
  // Without a key, all storage was cleared.
  if (key !== tokenKey && key !== null) return undefined;
  if (newValue === null) return 'signed out';
  return newValue === '' ? 'refused' : 'signed in';
}

/** Takes the one-time code of a sign-in link out of the address, so that it does not stay in the history. */
export function takeCode(): string | null {
  const code = new URLSearchParams(location.hash.slice(1)).get('code');
  if (code !== null) history.replaceState(null, '', location.pathname);
  return code;
}

/** The identity provider, where there is one. */
export interface Provider {
  name: string;
  /** Where to begin. */
  url: string;
}

export interface SignInWays {
  provider?: Provider;
  passkeys?: boolean;
}

/** None also if nobody can tell: the other ways to sign in say what is wrong. */
export async function findWays(): Promise<SignInWays> {
  const ways = await createApi(baseUrl(), undefined)
    .signInWays()
    .catch(() => null);
  const { singleSignOn, passkeys } = ways ?? {};
  return {
    ...(singleSignOn && { provider: { name: singleSignOn.name, url: `${baseUrl()}/v1/single-sign-on` } }),
    passkeys: passkeys === true,
  };
}

/** Resolves with an error message, or with undefined once the token is stored. */
export async function signInWithCode(code: string): Promise<string | undefined> {
  try {
    keepToken((await createApi(baseUrl(), undefined).signIn(code)).token);
    return undefined;
  } catch (error) {
    const problem = toBooError(error);
    if (problem.code !== 'unauthorized') return problem.message;
    return 'This sign-in link no longer works: it can be used once, within ten minutes. Create a new one with boocode link on the server’s machine, or under Settings in a browser that is signed in. Or paste the token.';
  }
}

/** A session of this browser alone, for whoever has the token. */
async function openSessionBy(token: string): Promise<string> {
  const api = createApi(baseUrl(), token);
  const { url } = await api.makeSignInLink();
  const code = new URLSearchParams(new URL(url).hash.slice(1)).get('code') ?? '';
  return (await api.signIn(code)).token;
}

/** Gives a browser that holds a token which is not its own a session, and starts over with it. */
export async function takeOwnSession(): Promise<void> {
  const token = storedToken();
  if (token === null) return;
  keepToken(await openSessionBy(token));
  location.reload();
}

/** Takes the code of an invitation out of the address. */
export function takeInvite(): string | null {
  const code = new URLSearchParams(location.hash.slice(1)).get('invite');
  if (code !== null) history.replaceState(null, '', location.pathname);
  return code;
}

/** Why an invitation could not be accepted. `isName`: it can be with another name, which those without one ask for. */
export interface InviteProblem {
  why: string;
  isName: boolean;
}

/** Resolves with what is wrong, or with undefined once the token is stored. */
export async function signInWithInvite(code: string, name?: string): Promise<InviteProblem | undefined> {
  try {
    keepToken((await createApi(baseUrl(), undefined).acceptInvite({ code, name })).token);
    return undefined;
  } catch (error) {
    const { code: reason, message, details } = toBooError(error);
    if (reason !== 'unauthorized') return { why: message, isName: details['field'] === 'name' };
    return {
      why: 'This invitation no longer works: it can be used once, and expires. Ask for a new one.',
      isName: false,
    };
  }
}

/** The browser gets a session of its own: it does not keep the token. */
export async function signInWithToken(token: string): Promise<string | undefined> {
  // A header cannot hold other characters.
  if (!/^[\x21-\x7e]+$/.test(token)) return 'This is not a token: tokens contain no spaces and only plain characters.';
  try {
    keepToken(await openSessionBy(token));
    return undefined;
  } catch (error) {
    const problem = toBooError(error);
    return problem.code === 'unauthorized' ? 'The server does not accept this token.' : problem.message;
  }
}
