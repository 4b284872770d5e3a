/** What a browser answers when it has made or used a passkey: whether that is what was asked for. */
import type { AddPasskey, SignInWithPasskey } from '../protocol/passkey.ts';
import type { NewPasskey, PasskeyRow } from '../store/passkeys.ts';

export interface Asked {
  challenge: string;
  origin: string;
  rpId: string;
}

/** Throws if it is not what was asked for. */
export async function readMadePasskey(
  { id, response }: AddPasskey['credential'],
  { challenge, origin, rpId }: Asked,
): Promise<Pick<NewPasskey, 'credentialId' | 'publicKey' | 'counter'>> {
  const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
  const { decodeAttestationObject } = await import('@simplewebauthn/server/helpers');
  const format = decodeAttestationObject(bytesOf(response.attestationObject)).get('fmt');
  // None was asked for. To check one, the library would go to addresses that are written in it.
  if (format !== 'none') throw new Error(`It comes with an attestation, of the format ${String(format)}.`);
  const { registrationInfo } = await verifyRegistrationResponse({
    response: { ...publicKeyOf(id), response },
    expectedChallenge: challenge,
    expectedOrigin: origin,
    expectedRPID: rpId,
    requireUserVerification: true,
  });
  if (registrationInfo?.credential.id !== id) throw new Error('It names another key than it holds.');
  const { publicKey, counter } = registrationInfo.credential;
  return { credentialId: id, publicKey: Buffer.from(publicKey).toString('base64url'), counter };
}

/** How often the device has used it. Throws if it is not what was asked for. */
export async function readPasskeyUse(
  { id, response }: SignInWithPasskey['credential'],
  { credentialId, publicKey, counter, userHandle, rpId: site }: PasskeyRow,
  { challenge, origin, rpId }: Asked,
): Promise<number> {
  if (site !== rpId) throw new Error(`It is for ${site}.`);
  if (response.userHandle !== userHandle) throw new Error('It is somebody else’s.');
  const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
  const { verified, authenticationInfo } = await verifyAuthenticationResponse({
    response: { ...publicKeyOf(id), response },
    expectedChallenge: challenge,
    expectedOrigin: origin,
    expectedRPID: rpId,
    credential: { id: credentialId, publicKey: bytesOf(publicKey), counter },
    requireUserVerification: true,
  });
  if (!verified) throw new Error('The signature is not valid.');
  return authenticationInfo.newCounter;
}

const publicKeyOf = (id: string) => ({ id, rawId: id, type: 'public-key' as const, clientExtensionResults: {} });
export const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, 'base64url'));
