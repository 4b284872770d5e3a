// Turns that their terminal program did not survive: a process without a terminal continues them.
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  endOf,
  ofType,
  type OpenedSession,
  openSession,
  readTurn,
  runTurn,
  textIn,
} from '../../../test/contract/agent-backend.ts';
import { openPtyHarness, type PtyHarness } from '../../../test/support/pty-harness.ts';
import { isPromptStored } from '../../../test/support/stored-prompt.ts';
import { until } from '../../../test/support/until.ts';
import type { AgentEvent } from '../agent-backend.ts';
import { projectKey } from '../claude/files/transcript-file.ts';

let harness: PtyHarness;
beforeEach(async () => {
  harness = await openPtyHarness();
});
afterEach(() => harness.close());

const newSpec = () => ({
  sessionId: randomUUID(),
  sessionStore: new InMemorySessionStore(),
  permissionMode: 'bypassPermissions' as const,
});
type Spec = ReturnType<typeof newSpec>;

const marker = (): string => join(harness.cwd, 'marker');
const ran = (): string => (existsSync(marker()) ? readFileSync(marker(), 'utf8') : '');
const endlessCommand = (): string => `run: printf x >> ${marker()}; exec tail -f /dev/null`;
const messages = (): string[] =>
  harness.model.requests
    .filter(({ path }) => path === '/v1/messages')
    .map(({ body }) => JSON.stringify((body as { messages: unknown }).messages));

const stored = async ({ sessionStore, sessionId }: Spec): Promise<string> =>
  JSON.stringify(await sessionStore.load({ projectKey, sessionId }));

/** Sends a prompt, and resolves once it has come so far. */
async function begin(session: OpenedSession, text: string, isSoFar: () => boolean | Promise<boolean>) {
  const events: AgentEvent[] = [];
  const over = (async () => {
    const content = [{ type: 'text' as const, text }];
    for await (const event of session.handle.prompt({ turnId: randomUUID(), content })) events.push(event);
  })();
  await until(isSoFar, { what: `the moment in “${text}”` });
  return { events, over };
}

async function signal(session: OpenedSession, name: NodeJS.Signals): Promise<void> {
  const program = harness.leftovers('').find(({ command }) => command.includes(session.sessionId));
  process.kill(program!.pid, name);
  await until(() => session.lost.length > 0, { what: 'the loss of the session' });
}

/** What the next process of the session does by itself, before any prompt. */
async function continueTurn(spec: Spec) {
  const before = messages().length;
  const session = await openSession(harness, { ...spec, continuesTurn: true });
  expect(session.unprompted).toHaveLength(1);
  const events = await readTurn(session, session.unprompted[0]!, {
    onEvent: ({ type }) => type === 'agent_message_chunk' && harness.release(),
  });
  return { session, events, end: endOf(events), asked: messages().slice(before) };
}

const ways = {
  left: async (session: OpenedSession) => expect(await session.handle.leaveTurn!()).toBe(true),
  'ended by SIGKILL': (session: OpenedSession) => signal(session, 'SIGKILL'),
  'ended by SIGTERM': (session: OpenedSession) => signal(session, 'SIGTERM'),
  'ended by SIGHUP': (session: OpenedSession) => signal(session, 'SIGHUP'),
};

describe.each(Object.keys(ways) as (keyof typeof ways)[])(
  'PTY-13: a terminal program that is %s in the middle',
  (how) => {
    test('of an answer: the model is asked once more, and then the terminal opens again', async () => {
      const spec = newSpec();
      const session = await openSession(harness, spec);
      const { events, over } = await begin(session, 'hold', async () => {
        return harness.held() > 0 && (await isPromptStored(spec, 'hold'));
      });
      await ways[how](session);
      await over;
      expect(endOf(events).outcome).toBe(how === 'left' ? 'interrupted' : 'failed');
      const next = await continueTurn(spec);
      expect(next.end).toMatchObject({ outcome: 'completed' });
      expect(textIn(next.events)).toBe('I hold here. Now I go on.');
      expect(next.asked).toHaveLength(1);
      expect(ofType(next.events, 'incoming_message')).toEqual([]);
      expect(ofType(next.events, 'session_started').map(({ backend }) => backend)).toEqual(['claude_pty']);
      expect(next.session.handle.isForOneCall).toBe(true);
      await next.session.handle.close();

      const terminal = await openSession(harness, spec);
      expect(terminal.handle.terminal).toBeDefined();
      expect(textIn(await runTurn(terminal, 'what did I say'))).toContain('hold');
      expect(messages()).toHaveLength(3);
      await terminal.handle.close();
    });

    test('of a call: the model gets to know that it was cut off, and it does not run twice unseen', async () => {
      const spec = newSpec();
      const session = await openSession(harness, spec);
      const { over } = await begin(session, endlessCommand(), async () => {
        // Its turn runs here once the transcript has been read, which the program writes a moment later.
        return ran() === 'x' && (await stored(spec)).includes('tool_use');
      });
      await ways[how](session);
      await over;
      const { end, asked, session: next } = await continueTurn(spec);
      expect(end).toMatchObject({ outcome: 'completed' });
      expect(asked).toHaveLength(1);
      expect(asked[0]).toContain('tool_result');
      expect(asked[0]).toMatch(/Exit code 137|outcome is unknown/);
      expect(ran()).toBe('x');
      await next.handle.close();
    });
  },
);

test('PTY-13: a session without a turn has none to leave', async () => {
  const session = await openSession(harness);
  expect(await session.handle.leaveTurn!()).toBe(false);
  await session.handle.close();
});
