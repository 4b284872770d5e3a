import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openSigned, sign, type SignedRequest, type SigningKey } from './signature.ts';

const secret = randomBytes(32);
const key: SigningKey = { id: 'k1', secret: secret.toString('base64') };
const request: SignedRequest = {
  from: 'aaaaaaaa-2222-4333-8444-555555555555',
  to: 'bbbbbbbb-2222-4333-8444-555555555555',
  at: 1,
  nonce: 'a nonce for one request',
  method: 'GET',
  target: '/',
  body: '',
  principal: { id: 'p1', name: 'Ada', role: 'owner' },
};
/** As the header is documented. */
function signed(text: string): string {
  const claimed = `k1.${Buffer.from(text).toString('base64url')}`;
  return `${claimed}.${createHmac('sha256', secret).update(claimed).digest('base64url')}`;
}

describe('HOST-5: the header of a request that is sent on', () => {
  test('is the key’s id, the request, and their HMAC under the bytes of the secret', () => {
    expect(sign(key, request)).toBe(signed(JSON.stringify(request)));
    expect(openSigned(key, signed(JSON.stringify(request)))).toEqual(request);
  });

  test.each(['no JSON', '{}', JSON.stringify({ ...request, nonce: 'short' })])(
    'tells nothing if it says %s',
    (text) => {
      expect(openSigned(key, signed(text))).toBeUndefined();
    },
  );
});
