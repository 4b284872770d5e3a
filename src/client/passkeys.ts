import type { Passkey } from '../protocol/passkey.ts';
import type { BooClient } from './boo-client.ts';
import type { Wire } from './request.ts';

type PasskeyClient = Pick<
  BooClient,
  'listPasskeys' | 'beginPasskey' | 'addPasskey' | 'removePasskey' | 'beginPasskeySignIn' | 'signInWithPasskey'
>;

/** The client's part about passkeys, which only a browser can make and use. */
export function passkeysOf(wire: Wire): PasskeyClient {
  return {
    async listPasskeys({ everyone } = {}) {
      const query = { of: everyone === true ? 'everyone' : undefined };
      return (await wire.request<{ items: Passkey[] }>('/v1/passkeys', { query })).items;
    },
    beginPasskey: () => wire.request('/v1/passkeys/begin', { method: 'POST' }),
    addPasskey: (body) => wire.request('/v1/passkeys', { method: 'POST', body }),
    removePasskey: (id) => wire.request(`/v1/passkeys/${encodeURIComponent(id)}`, { method: 'DELETE' }),
    beginPasskeySignIn: () => wire.request('/v1/sign-in/passkey/begin', { method: 'POST' }),
    signInWithPasskey: (body) => wire.request('/v1/sign-in/passkey', { method: 'POST', body }),
  };
}
