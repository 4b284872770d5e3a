import { expect, test } from 'vitest';
import { openStubServer } from '../../test/support/stub-server.ts';
import { BooError } from '../protocol/error.ts';
import { createAttempts, otherAttempts, removeAsShown } from './attempts.ts';
import { createClient } from './client.ts';

const wanted = { count: 3, group: crypto.randomUUID(), name: 'x', prompt: ' Do it\nwell', chat: { cwd: '/work' } };

test('WEB-103, CLI-30: all attempts are made, or none is, and the error says which and what became of the others', async () => {
  const stub = await openStubServer();
  try {
    const client = createClient({ url: stub.url, token: stub.token });
    const chats = await createAttempts(client, wanted);
    expect(chats.map(({ title }) => title)).toEqual(['Do it (1/3)', 'Do it (2/3)', 'Do it (3/3)']);
    expect(otherAttempts(chats, chats[0]!.id)).toHaveLength(2);
    let [making, most] = [0, 0];
    const slow = {
      ...client,
      createChat(input: Parameters<typeof client.createChat>[0]) {
        most = Math.max(most, (making += 1));
        return client.createChat(input).finally(() => (making -= 1));
      },
    };
    expect(await createAttempts(slow, { ...wanted, count: 5 })).toHaveLength(5);
    expect(most).toBe(2);
    const deleted: string[] = [];
    const failing = (names: string[]) => ({
      ...client,
      deleteChat(id: string) {
        deleted.push(id);
        return client.deleteChat(id);
      },
      createChat(input: Parameters<typeof client.createChat>[0]) {
        const name = input.worktree?.name ?? '';
        if (!names.includes(name)) return client.createChat(input);
        return Promise.reject(
          new BooError('worktree_refused', `No ${name}.`, { details: { reason: 'branch_exists' } }),
        );
      },
    });
    await expect(createAttempts(failing(['x-2']), wanted)).rejects.toMatchObject({
      code: 'worktree_refused',
      message: 'Attempt 2 of 3 could not be made: No x-2. The others were taken back, so nothing was started.',
      details: { reason: 'branch_exists' },
    });
    // None is begun once one has failed.
    expect(deleted.map((id) => stub.chats.find((chat) => chat.id === id)?.title)).toEqual(['Do it (1/3)']);
    await expect(createAttempts(failing(['x-1', 'x-2', 'x-3']), wanted)).rejects.toThrow(
      'Attempt 1 of 3 could not be made: No x-1. Nothing was started.',
    );
    const kept = { ...failing(['x-3']), deleteChat: () => Promise.reject(new Error('It is away.')) };
    await expect(createAttempts(kept, wanted)).rejects.toThrow(
      'No x-3. These could not be taken back: Do it (1/3), Do it (2/3).',
    );
    deleted.length = 0;
    const refusing = failing(['x-3']);
    let usedId = '';
    const used = {
      ...refusing,
      async createChat(input: Parameters<typeof client.createChat>[0]) {
        const chat = await refusing.createChat(input);
        if (input.worktree?.name !== 'x-1') return chat;
        usedId = chat.id;
        stub.append(chat.id, { type: 'prompt_accepted', promptId: 'p', content: [] });
        return chat;
      },
    };
    await expect(createAttempts(used, wanted)).rejects.toThrow('These could not be taken back: Do it (1/3).');
    expect(deleted).toHaveLength(1);
    expect(deleted).not.toContain(usedId);
  } finally {
    await stub.close();
  }
});

test('WEB-104, WEB-105: what is removed is what was shown; otherwise what is to be shown now is told', async () => {
  const stub = await openStubServer();
  try {
    const client = createClient({ url: stub.url, token: stub.token });
    const { id } = stub.addChat();
    const losses = [{ reason: 'unmerged', sentence: '1 commit would be lost.' }];
    const seen: (string | null)[] = [];
    stub.onWorktree = (_id, { discard }) => {
      seen.push(discard);
      if (discard === 'b'.repeat(64)) return { branch: 'boocode/x', commit: null, isBranchKept: false };
      const details = { reason: 'unmerged', losses, shown: 'b'.repeat(64) };
      return new BooError('worktree_refused', '1 commit would be lost.', { details });
    };
    const refused = await removeAsShown(client, id, { shown: null });
    expect(refused).toMatchObject({ losses, shown: 'b'.repeat(64), problem: { message: '1 commit would be lost.' } });
    expect(await removeAsShown(client, id, { shown: 'b'.repeat(64) })).toMatchObject({ removed: { commit: null } });
    expect(seen).toEqual([null, 'b'.repeat(64)]);
  } finally {
    await stub.close();
  }
});
