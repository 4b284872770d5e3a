/** A device that makes and uses passkeys, as a browser reports it, with real signatures, and lies where it is told to. */
import { createHash, createSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type { AddPasskey, PasskeyQuestion, SignInWithPasskey } from '../../src/protocol/passkey.ts';

export interface Lies {
  origin?: string;
  challenge?: string;
  site?: string;
  type?: string;
  crossOrigin?: boolean;
  isVerified?: boolean;
  counter?: number;
  userHandle?: string;
  format?: string;
}

export interface SoftwarePasskey {
  id: string;
  key: KeyObject;
  userHandle: string;
  site: string;
  counter: number;
}

interface Question {
  challenge: string;
  rp?: { id: string };
  rpId?: string;
  user?: { id: string };
}

const text = (bytes: Buffer): string => bytes.toString('base64url');
const sha256 = (bytes: Buffer | string): Buffer => createHash('sha256').update(bytes).digest();

function clientData(type: string, challenge: string, origin: string, lies: Lies): Buffer {
  const said = {
    type,
    challenge,
    origin,
    crossOrigin: false,
    ...pick(lies, 'type', 'challenge', 'origin', 'crossOrigin'),
  };
  return Buffer.from(JSON.stringify(said));
}

const pick = (lies: Lies, ...names: (keyof Lies)[]): object =>
  Object.fromEntries(names.flatMap((name) => (lies[name] === undefined ? [] : [[name, lies[name]]])));

function authenticatorData(site: string, counter: number, attested: Buffer | undefined, lies: Lies): Buffer {
  const flags = 0x01 | (lies.isVerified === false ? 0 : 0x04) | (attested ? 0x40 : 0);
  const count = Buffer.alloc(4);
  count.writeUInt32BE(lies.counter ?? counter);
  return Buffer.concat([sha256(lies.site ?? site), Buffer.from([flags]), count, attested ?? Buffer.alloc(0)]);
}

/** CBOR: a text, and bytes of any length used here. */
const cborText = (value: string): Buffer => Buffer.concat([Buffer.from([0x60 + value.length]), Buffer.from(value)]);
function cborBytes(value: Buffer): Buffer {
  const head = value.length < 256 ? [0x58, value.length] : [0x59, value.length >> 8, value.length & 0xff];
  return Buffer.concat([Buffer.from(head), value]);
}

export function makePasskey(
  question: PasskeyQuestion,
  origin: string,
  lies: Lies = {},
): { passkey: SoftwarePasskey; credential: AddPasskey['credential'] } {
  const { challenge, rp, user } = question.publicKey as unknown as Question;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const id = randomBytes(32);
  const site = rp!.id;
  // COSE: an elliptic curve key for ES256.
  const key = Buffer.concat([
    Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
    cborBytes(Buffer.from(x, 'base64url')),
    Buffer.from([0x22]),
    cborBytes(Buffer.from(y, 'base64url')),
  ]);
  const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, key]);
  const object = Buffer.concat([
    Buffer.from([0xa3]),
    cborText('fmt'),
    cborText(lies.format ?? 'none'),
    cborText('attStmt'),
    Buffer.from([0xa0]),
    cborText('authData'),
    cborBytes(authenticatorData(site, 0, attested, lies)),
  ]);
  const passkey = { id: text(id), key: privateKey, userHandle: user!.id, site, counter: 0 };
  const response = {
    clientDataJSON: text(clientData('webauthn.create', challenge, origin, lies)),
    attestationObject: text(object),
  };
  return { passkey, credential: { id: passkey.id, response } };
}

export function usePasskey(
  passkey: SoftwarePasskey,
  question: PasskeyQuestion,
  origin: string,
  lies: Lies = {},
): SignInWithPasskey['credential'] {
  const { challenge } = question.publicKey as unknown as Question;
  passkey.counter += 1;
  const data = clientData('webauthn.get', challenge, origin, lies);
  const authenticator = authenticatorData(passkey.site, passkey.counter, undefined, lies);
  const signature = createSign('sha256')
    .update(Buffer.concat([authenticator, sha256(data)]))
    .sign(passkey.key);
  return {
    id: passkey.id,
    response: {
      clientDataJSON: text(data),
      authenticatorData: text(authenticator),
      signature: text(signature),
      userHandle: lies.userHandle ?? passkey.userHandle,
    },
  };
}
