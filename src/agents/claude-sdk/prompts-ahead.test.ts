// Prompts that the real program gets while they are being stored.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  endOf,
  openSession,
  type OpenedSession,
  readTurn,
  runTurn,
  textIn,
} from '../../../test/contract/agent-backend.ts';
import { createGate } from '../../../test/support/gate.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { hasDeathSignal } from '../../lib/process-identity.ts';
import { projectKey } from '../claude/files/transcript-file.ts';

let harness: SdkHarness;
let session: OpenedSession;
beforeEach(async () => {
  harness = await openSdkHarness();
  session = await openSession(harness, { permissionMode: 'bypassPermissions' });
});
afterEach(() => harness.close());

const prompt = (text: string) => ({ turnId: randomUUID(), content: [{ type: 'text' as const, text }] });

test.runIf(hasDeathSignal())(
  'TURN-27: asks no model and runs no tool before the prompt is stored, and none if it is not',
  async () => {
    await runTurn(session, 'stream 1 tokens');
    const asked = harness.model.requests.length;
    const marker = join(harness.cwd, 'marker');

    for (const isStored of [() => Promise.resolve(false), () => Promise.reject(new Error('Not now.'))]) {
      const lost = session.handle.promptAhead!(prompt(`run: touch ${marker}`), isStored())!;
      const end = endOf(await readTurn(session, lost));
      expect(end).toMatchObject({ costUsd: 0 });
    }
    expect(harness.model.requests).toHaveLength(asked);
    // Nobody is to see it.
    expect(session.between).toEqual([]);

    // Tells when the program waits for it.
    const gate = createGate();
    const stored = {
      // oxlint-disable-next-line unicorn/no-thenable -- It has to see who waits for it.
      catch: () => ({ then: (resolve: (isStored: boolean) => void) => void gate.pass().then(() => resolve(true)) }),
    };
    const ahead = session.handle.promptAhead!(prompt(`run: touch ${marker}`), stored as unknown as Promise<boolean>)!;
    const turn = readTurn(session, ahead);
    await gate.reached;
    // It has time for an answer.
    await session.handle.setPermissionMode('bypassPermissions');
    expect(harness.model.requests).toHaveLength(asked);
    expect(existsSync(marker)).toBe(false);
    gate.open();
    expect(endOf(await turn)).toMatchObject({ outcome: 'completed' });
    expect(existsSync(marker)).toBe(true);

    // The model never hears of those that were not stored.
    expect(textIn(await runTurn(session, 'what did I say')).match(/run: touch/g)).toHaveLength(1);
    await session.handle.close();
    const entries = await session.sessionStore.load({ projectKey, sessionId: session.sessionId });
    const prompts = entries!.filter((each) => each.type === 'user' && JSON.stringify(each).includes('run: touch'));
    expect(prompts).toHaveLength(1);
  },
);

test.runIf(hasDeathSignal())('TURN-27: takes no prompt ahead that its program might not ask about', async () => {
  const ahead = (text: string) => session.handle.promptAhead!(prompt(text), Promise.resolve(true));
  // Settings can keep it from running hooks: it has to be seen once.
  expect(ahead('stream 1 tokens')).toBeUndefined();
  await runTurn(session, 'stream 1 tokens');
  expect(ahead(' /compact')).toBeUndefined();
  const turn = ahead('stream 1 tokens')!;
  expect(ahead('stream 1 tokens')).toBeUndefined();
  expect(endOf(await readTurn(session, turn))).toMatchObject({ outcome: 'completed' });
  await session.handle.close();
  expect(ahead('stream 1 tokens')).toBeUndefined();
});

test.runIf(hasDeathSignal())('TURN-27: a prompt that is not stored when its session ends is dropped', async () => {
  await runTurn(session, 'stream 1 tokens');
  const asked = harness.model.requests.length;
  const marker = join(harness.cwd, 'marker');
  // As a write to a database that does not answer.
  const ahead = session.handle.promptAhead!(prompt(`run: touch ${marker}`), new Promise(() => {}))!;
  const turn = readTurn(session, ahead);
  await session.handle.close();
  await turn;
  expect(harness.model.requests).toHaveLength(asked);
  expect(existsSync(marker)).toBe(false);
});
