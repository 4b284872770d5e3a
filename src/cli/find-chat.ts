import { type BooClient, BooError, type Chat, type Decision } from '../client/client.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The chat with this id, or the only one whose id starts with it. Throws BooError `not_found`, `invalid_request`. */
export async function findChat(client: BooClient, given: string): Promise<Chat> {
  const id = given.trim().toLowerCase();
  if (uuid.test(id)) return client.getChat(id);
  return onlyOne(
    'chat',
    id,
    allPages((after) => client.listChats({ after, limit: 200 })),
  );
}

/** The same for a decision; a settled one is found only by its whole id. */
export async function findDecision(client: BooClient, given: string): Promise<Decision> {
  const id = given.trim().toLowerCase();
  const status = uuid.test(id) ? undefined : 'pending';
  return onlyOne(
    'decision',
    id,
    allPages((after) => client.listDecisions({ status, after, limit: 200 })),
  );
}

export async function* allPages<T>(
  read: (after: string | undefined) => Promise<{ items: T[]; next: string | null }>,
): AsyncGenerator<T, void, undefined> {
  let after: string | undefined;
  do {
    const page = await read(after);
    yield* page.items;
    after = page.next ?? undefined;
  } while (after !== undefined);
}

export async function onlyOne<T extends { id: string }>(
  noun: string,
  prefix: string,
  items: AsyncIterable<T> | Iterable<T>,
): Promise<T> {
  if (!/^[0-9a-f-]+$/.test(prefix)) {
    throw new BooError('invalid_request', `A ${noun} is named by its id or the start of it, not by '${prefix}'.`);
  }
  const found: T[] = [];
  for await (const item of items) if (item.id.startsWith(prefix)) found.push(item);
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw new BooError('not_found', `No ${noun} has an id that starts with ${prefix}.`);
  const ids = found.slice(0, 5).map((item) => item.id);
  const more = found.length > 5 ? ' …' : '';
  throw new BooError('invalid_request', `${found.length} ${noun}s start with ${prefix}: ${ids.join(', ')}${more}`);
}
