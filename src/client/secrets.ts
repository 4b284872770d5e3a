import type { Secret } from '../protocol/secret.ts';
import type { BooClient } from './boo-client.ts';
import type { Wire } from './request.ts';

type SecretsClient = Pick<
  BooClient,
  'listSecrets' | 'setSecret' | 'removeSecret' | 'rekeySecrets' | 'listChatSecrets' | 'useSecret' | 'dropSecret'
>;

/** The client's part about secrets. */
export function secretsOf(wire: Wire): SecretsClient {
  const id = encodeURIComponent;
  const of = (chatId: string): string => `/v1/chats/${id(chatId)}/secrets`;
  const items = async (path: string, more = {}): Promise<Secret[]> =>
    (await wire.request<{ items: Secret[] }>(path, more)).items;
  return {
    listSecrets: () => items('/v1/secrets'),
    setSecret: (body) => wire.request('/v1/secrets', { method: 'POST', body }),
    removeSecret: (secretId) => wire.request(`/v1/secrets/${id(secretId)}`, { method: 'DELETE' }),
    rekeySecrets: (body) => wire.request('/v1/secrets/rekey', { method: 'POST', body }),
    listChatSecrets: (chatId) => items(of(chatId)),
    useSecret: (chatId, name) => items(of(chatId), { method: 'POST', body: { name } }),
    dropSecret: (chatId, secretId) => wire.request(`${of(chatId)}/${id(secretId)}`, { method: 'DELETE' }),
  };
}
