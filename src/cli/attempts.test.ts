import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startCommand } from '../../test/support/start-command.ts';
import { openStubServer, type StubServer } from '../../test/support/stub-server.ts';
import { until } from '../../test/support/until.ts';
import type { Chat } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import type { EventBody } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';

let stub: StubServer;
beforeEach(async () => (stub = await openStubServer()));
afterEach(() => stub.close());

async function run(...words: string[]) {
  const { terminal, exitCode } = startCommand(stub, words);
  return { code: await exitCode, out: terminal.stdout, err: terminal.stderr };
}

const merged = { branch: 'boocode/x', base: 'main', commit: '0'.repeat(40), commits: 1 };
const refused = (reason: string, message: string, details: object = {}): BooError =>
  new BooError('worktree_refused', message, { details: { ...details, reason } });

/** Three attempts: one to keep, one that can go, and one that waits for a decision. */
function addAttempts(): [kept: Chat, clean: Chat, waiting: Chat] {
  const group = randomUUID();
  const add = (name: string): Chat =>
    stub.addChat({
      group,
      title: name,
      worktree: { path: `/r/${name}`, branch: `boocode/${name}`, base: 'main', baseCommit: '0', repository: '/r' },
    });
  return [add('kept'), add('clean'), add('waiting')];
}

describe('CLI-30: attempts --keep --discard-others', () => {
  test('goes on after one that cannot be removed, and can be done again', async () => {
    const [kept, clean, waiting] = addAttempts();
    let isMerged = false;
    let isBusy = true;
    const discarded: unknown[] = [];
    stub.onWorktree = (chatId, { name, discard }) => {
      if (name === 'merge') {
        if (isMerged) return refused('nothing_to_do', 'main has everything.');
        isMerged = true;
        return merged;
      }
      if (chatId === waiting.id && isBusy) return new BooError('chat_busy', 'It waits for a decision.');
      if (discard === null) return refused('uncommitted', 'No commit has b.txt.', { shown: 'a'.repeat(64) });
      discarded.push([chatId, discard]);
      stub.chats.find(({ id }) => id === chatId)!.worktree = null;
      return { branch: 'x', commit: null, isBranchKept: false };
    };
    const words = ['attempts', kept.id, '--keep', '--discard-others'];
    const first = await run(...words);
    expect(first).toEqual({
      code: 1,
      out: 'Merged boocode/x into main.\nRemoved 1 other attempt.\n',
      err:
        '· Discarded: No commit has b.txt.\n' +
        `! ${waiting.id.slice(0, 8)} stays: It waits for a decision. Do it again once that has changed.\n`,
    });
    // Exactly what was named.
    expect(discarded).toEqual([[clean.id, 'a'.repeat(64)]]);
    expect([clean, waiting].map(({ archived }) => archived)).toEqual([true, false]);
    const again = await run(...words, '--json');
    expect(again.code).toBe(1);
    expect(JSON.parse(again.out)).toEqual({
      merged: null,
      removed: [],
      failed: [{ chatId: waiting.id, code: 'chat_busy', message: 'It waits for a decision.' }],
    });
    isBusy = false;
    const last = await run(...words, '--json');
    expect([last.code, JSON.parse(last.out)]).toEqual([0, { merged: null, removed: [waiting.id], failed: [] }]);
  });

  test('removes nothing if the merge is refused', async () => {
    const [kept] = addAttempts();
    const asked: string[] = [];
    stub.onWorktree = (_chatId, { name }) => {
      asked.push(name);
      return refused('conflicts', 'Merging conflicts in a.txt.');
    };
    expect(await run('attempts', kept.id, '--keep', '--discard-others')).toMatchObject({
      code: 1,
      err: 'error: Merging conflicts in a.txt.\n',
    });
    expect(asked).toEqual(['merge']);
  });
});

describe('CLI-30: chat --attempts', () => {
  const turnId = randomUUID();
  const finished = (outcome: 'completed' | 'interrupted'): EventBody => ({
    type: 'turn_finished',
    turnId,
    outcome,
    usage: noUsage,
    costUsd: 0,
  });
  const begin = (chatId: string, promptId: string): void =>
    void stub.append(chatId, { type: 'turn_started', turnId, promptIds: [promptId] });

  test('Ctrl-C interrupts all of them', async () => {
    stub.onPrompt = begin;
    stub.onInterrupt = (chatId) => void stub.append(chatId, finished('interrupted'));
    const { terminal, exitCode } = startCommand(stub, ['chat', 'go', '--attempts', '2']);
    await until(() => stub.chats.length === 2 && stub.chats.every(({ id, head }) => head > 1 && stub.readers(id) > 0));
    terminal.press();
    expect(await exitCode).toBe(130);
    for (const { id } of stub.chats) {
      expect(stub.requests).toContain(`POST /v1/chats/${id}/interrupt`);
      expect(terminal.stderr).toContain(`· ${id.slice(0, 8)}: interrupted\n`);
    }
    expect(terminal.stdout.trim().split('\n')).toHaveLength(3);
  });

  test('one that cannot be run does not hide the others, and lines that were not counted are no zeros', async () => {
    stub.onPrompt = (chatId, promptId) => {
      begin(chatId, promptId);
      stub.append(chatId, finished('completed'));
      const told = { chatId, since: 'start', base: { commit: null, takenAt: null, turnId: null }, tree: '1' };
      const list = { ...told, root: '/r', files: [], count: 3_100, isTruncated: true, leftOut: [] };
      stub.changes.set(chatId, {
        list,
        diff: { ...told, file: null, diff: '', isTruncated: false, isLossy: false },
      });
    };
    stub.refusePrompts = 1;
    const { code, out, err } = await run('chat', 'go', '--attempts', '2');
    expect(code).toBe(1);
    expect(err).toMatch(/^· [0-9a-f]{8}: It cannot be stored\.$/m);
    expect(out).toMatch(/^[0-9a-f]{8} +completed +3100 +not counted/m);
    expect(out.trim().split('\n')).toHaveLength(3);
  });
});
