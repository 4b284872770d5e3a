import { toBooError } from '../../protocol/error.ts';
import { createApi } from './api.ts';

const tokenKey = 'boocode.token';

export const storedToken = (): string | null => localStorage.getItem(tokenKey);
export const keepToken = (token: string): void => localStorage.setItem(tokenKey, token);
export const forgetToken = (): void => localStorage.removeItem(tokenKey);

/** The one-use code of a sign-in link, taken out of the address so that it stays in no history. */
export function takeCode(): string | null {
  const code = new URLSearchParams(location.hash.slice(1)).get('code');
  if (code !== null) history.replaceState(null, '', location.pathname);
  return code;
}

/** Resolves with why it did not work; undefined when the token is kept. */
export async function signInWithCode(code: string): Promise<string | undefined> {
  try {
    keepToken((await createApi(location.origin, undefined).signIn(code)).token);
    return undefined;
  } catch (error) {
    const problem = toBooError(error);
    if (problem.code !== 'unauthorized') return problem.message;
    return 'This sign-in link no longer works: a link serves once, within ten minutes. Start the server again for a new one, or paste the token.';
  }
}

export async function signInWithToken(token: string): Promise<string | undefined> {
  // Other characters cannot be sent in a header.
  if (!/^[\x21-\x7e]+$/.test(token)) return 'That is not the token: it holds no spaces and only plain characters.';
  try {
    await createApi(location.origin, token).info();
    keepToken(token);
    return undefined;
  } catch (error) {
    const problem = toBooError(error);
    return problem.code === 'unauthorized' ? 'The server does not take this token.' : problem.message;
  }
}
