/** Making and using passkeys: the browser's part. Loaded when it is needed. */
import type { PasskeyQuestion, SignInWithPasskey } from '../../protocol/passkey.ts';
import { BooError, toBooError } from '../../protocol/error.ts';
import { type Api, createApi } from './api.ts';
import { baseUrl } from './base-url.ts';
import { keepToken } from './sign-in.ts';

/** Why this page can have none; undefined if it can. */
export function whyNoPasskeys(): string | undefined {
  if (!isSecureContext) return 'Passkeys need https: open this page at an https address.';
  if (/^\[|^[\d.]+$/.test(location.hostname)) {
    const port = location.port === '' ? '' : `:${location.port}`;
    return `Passkeys need a name in the address, not numbers: on the server’s own machine, localhost${port}.`;
  }
  if (typeof PublicKeyCredential === 'undefined' || !('parseCreationOptionsFromJSON' in PublicKeyCredential))
    return 'This browser is too old for passkeys.';
  return undefined;
}

/** Throws a BooError. */
export async function makePasskey(api: Api, name: string): Promise<void> {
  const { publicKey } = await api.beginPasskey();
  const options = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey as never);
  const made = await asked(() => navigator.credentials.create({ publicKey: options }));
  const { clientDataJSON, attestationObject } = made.response as AuthenticatorAttestationResponse;
  const response = { clientDataJSON: toText(clientDataJSON), attestationObject: toText(attestationObject) };
  await api.addPasskey({ name, credential: { id: made.id, response } });
}

/** Resolves with an error message, or with undefined once the token is stored. */
export async function signInWithPasskey(): Promise<string | undefined> {
  try {
    const api = createApi(baseUrl(), undefined);
    keepToken((await api.signInWithPasskey({ credential: await usePasskey(await api.beginPasskeySignIn()) })).token);
    return undefined;
  } catch (error) {
    return toBooError(error).message;
  }
}

async function usePasskey({ publicKey }: PasskeyQuestion): Promise<SignInWithPasskey['credential']> {
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey as never);
  const used = await asked(() => navigator.credentials.get({ publicKey: options }));
  const { clientDataJSON, authenticatorData, signature, userHandle } = used.response as AuthenticatorAssertionResponse;
  const response = {
    clientDataJSON: toText(clientDataJSON),
    authenticatorData: toText(authenticatorData),
    signature: toText(signature),
    userHandle: toText(userHandle ?? new ArrayBuffer()),
  };
  return { id: used.id, response };
}

async function asked(question: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  const why = whyNoPasskeys();
  if (why !== undefined) throw problem(why);
  try {
    const answer = await question();
    if (answer instanceof PublicKeyCredential) return answer;
  } catch (error) {
    const { name } = error as Error;
    if (name === 'InvalidStateError') throw problem('This device has a passkey of yours for this server already.');
    // The browser says no more, so that no page learns who has which passkeys.
    if (name !== 'NotAllowedError' && name !== 'AbortError') throw problem(`The browser refused: ${name}.`);
  }
  throw problem('The browser gave no passkey: it was cancelled, took too long, or there is none for this address.');
}

const problem = (sentence: string): BooError => new BooError('invalid_request', sentence);

/** In base64url. */
function toText(bytes: ArrayBuffer): string {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
