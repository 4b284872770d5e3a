import { createAttempts } from '../../../client/attempts.ts';
import type { CreateChat } from '../../../protocol/chat.ts';
import type { Session } from '../../state/session.ts';
import { attemptsHref } from '../parts/route.ts';
import { type Isolation, isolated } from './isolation.ts';

/** Sends the prompt to that many new chats. Returns the address that compares them. If one cannot be made, none is. */
export async function startAttempts(session: Session, isolation: Isolation, input: CreateChat): Promise<string> {
  const { count, prompt, name } = isolation;
  const group = newUuid();
  const chats = await createAttempts(session.api, {
    count,
    group,
    name: name.trim() === '' ? undefined : name.trim(),
    prompt,
    chat: { ...input, ...isolated(isolation) },
  });
  for (const chat of chats) {
    session.chats.put(chat);
    // It is sent again until it is stored.
    session.outbox.send(chat.id, [{ type: 'text', text: prompt }]);
  }
  return attemptsHref(group);
}

/** `crypto.randomUUID` is missing on insecure pages. */
function newUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
