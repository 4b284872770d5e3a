// A person works at a chat's terminal while it is also used through the API.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
import { sitDown, type TerminalSeat } from '../../../test/support/terminal-seat.ts';
import { until } from '../../../test/support/until.ts';
import type { AgentEvent } from '../agent-backend.ts';

let harness: PtyHarness;
beforeAll(async () => {
  harness = await openPtyHarness();
});
afterAll(() => harness.close());

const seatAt = ({ handle }: OpenedSession): TerminalSeat => sitDown(handle.terminal!);

/** The next turn that the chat did not start. */
async function unpromptedTurn(session: OpenedSession): Promise<AgentEvent[]> {
  await until(() => session.unprompted.length > 0, { timeoutMs: 40_000, what: 'a turn' });
  return readTurn(session, session.unprompted.shift()!);
}

describe('a prompt typed in the terminal', () => {
  test('PTY-4: is a turn of the chat; API prompts and typed prompts take turns', async () => {
    const session = await openSession(harness);
    const seat = seatAt(session);
    seat.type('stream 3 tokens\r');
    const typed = await unpromptedTurn(session);
    expect(typed.map((event) => event.type)).toEqual([
      'session_started',
      'user_message',
      'agent_message',
      'usage_update',
      'turn_finished',
    ]);
    expect(ofType(typed, 'user_message')[0]?.content).toEqual([{ type: 'text', text: 'stream 3 tokens' }]);
    expect(endOf(typed)).toMatchObject({ outcome: 'completed' });
    expect(endOf(typed).costUsd).toBeGreaterThan(0);

    const prompted = await runTurn(session, 'what did I say');
    expect(textIn(prompted)).toContain('stream 3 tokens');
    expect(ofType(prompted, 'user_message')).toEqual([]);
    // The next prompt is typed while the first one's turn is running, so the program queues it.
    seat.type('hold\r');
    await until(() => harness.held() === 1);
    seat.type('stream 2 tokens\r');
    const later = runTurn(session, 'what did I say');
    harness.release();
    const held = await unpromptedTurn(session);
    expect(ofType(held, 'user_message').map((event) => event.content)).toEqual([[{ type: 'text', text: 'hold' }]]);
    const queued = await unpromptedTurn(session);
    expect(textIn(queued)).toContain('t1 t2');
    expect(textIn(await later)).toContain('stream 2 tokens');
    seat.leave();
    await session.handle.close();
  });

  test('PTY-5: half-typed text in the input line is not part of an API prompt', async () => {
    const session = await openSession(harness);
    const seat = seatAt(session);
    seat.type('this is a draft that nobody sent');
    await seat.sees('draft');
    const turn = await runTurn(session, 'stream 2 tokens');
    expect(textIn(turn).trim()).toBe('t1 t2');
    seat.leave();
    await session.handle.close();
  });

  test('TURN-21: a prompt that is submitted with a draft too long to clear is reported as the agent received it', async () => {
    const session = await openSession(harness);
    const seat = seatAt(session);
    for (let line = 0; line < 30; line += 1) {
      seat.type(`draft ${line}`);
      await seat.sees(`draft ${line}`);
      seat.type('\n');
    }
    const turn = await runTurn(session, 'stream 2 tokens');
    expect(ofType(turn, 'notice')).toMatchObject([{ code: 'prompt_with_other_words' }]);
    expect(JSON.stringify(ofType(turn, 'user_message'))).toMatch(/draft 0.*stream 2 tokens/);
    expect(ofType(turn, 'agent_message')).toHaveLength(1);
    expect(endOf(turn).outcome).toBe('completed');
    expect(session.unprompted).toEqual([]);
    seat.leave();
    await session.handle.close();
  });

  test('PTY-5: text typed while the line is being cleared is not part of an API prompt', async () => {
    const session = await openSession(harness);
    const seat = seatAt(session);
    seat.type('a draft');
    await seat.sees('a draft');
    const running = runTurn(session, 'stream 2 tokens');
    await until(() => !seat.screen().includes('a draft'));
    seat.type('and more');
    const turn = await running;
    expect(textIn(turn).trim()).toBe('t1 t2');
    expect(ofType(turn, 'notice')).toEqual([]);
    seat.leave();
    await session.handle.close();
  });

  test('TURN-22: Escape before the agent has said anything interrupts the turn of the chat', async () => {
    const session = await openSession(harness);
    const seat = seatAt(session);
    const seen = harness.model.requests.length;
    const turn = runTurn(session, 'silence');
    await until(() => harness.model.requests.slice(seen).some(({ script }) => script === 'silence'));
    await seat.sees('esc to interrupt');
    seat.type('\x1b');
    expect(endOf(await turn)).toMatchObject({ outcome: 'interrupted', isTaken: true });
    seat.leave();
    await session.handle.close();
  });

  test('PTY-4: a command of the program is reported and starts no turn; so is a shell command', async () => {
    const session = await openSession(harness);
    const seat = seatAt(session);
    await runTurn(session, 'stream 2 tokens');
    seat.type('!echo from-the-shell\r');
    const turn = await unpromptedTurn(session).catch(() => []);
    const all = [...session.between, ...turn];
    expect(ofType(all, 'user_message').map((event) => event.content)).toEqual([
      [{ type: 'text', text: '! echo from-the-shell' }],
    ]);
    expect(textIn(all)).toContain('from-the-shell');
    seat.leave();
    await session.handle.close();
  });
});

const isAsked = (seat: TerminalSeat): boolean => seat.screen().includes('Do you want to proceed');

/** Presses the keys until the dialog is gone: it ignores them in its first moments. */
async function answer(seat: TerminalSeat, keys: string): Promise<void> {
  await until(() => isAsked(seat));
  while (isAsked(seat)) {
    seat.type(keys);
    await until(() => !isAsked(seat), { timeoutMs: 1_500 }).catch(() => undefined);
  }
}

describe('a permission', () => {
  test('TERM-12: is not answered by a key that was pressed before it could be seen', async () => {
    // Longer than any machine takes to show the dialog here.
    const patient = await openPtyHarness({ limits: { unseenMs: 5_000 } });
    const session = await openSession(patient);
    const seat = seatAt(session);
    const path = join(patient.cwd, 'typed-ahead');
    const turn = await runTurn(session, `run: touch ${path}`, {
      onEvent(event) {
        if (event.type !== 'decision_requested') return;
        // Faster than anyone can read: 1 is “Yes”, 4 is “No”.
        void seat
          .sees('Do you want to proceed')
          .then(() => seat.type('1'))
          .then(() => until(() => !isAsked(seat), { timeoutMs: 1_500 }))
          .catch(() => answer(seat, '4'));
      },
    });
    expect(ofType(turn, 'decision_resolved')[0]).toMatchObject({ outcome: 'deny' });
    expect(existsSync(path)).toBe(false);
    seat.leave();
    await patient.close();
  });

  test.each([
    ['yes', '1', 'allow', 'completed'],
    ['no', '4', 'deny', 'interrupted'],
  ])('DECIDE-5: answered with %s in the terminal settles the decision', async (_, keys, outcome, end) => {
    const session = await openSession(harness);
    const seat = seatAt(session);
    const path = join(harness.cwd, `by-key-${outcome}`);
    const turn = await runTurn(session, `run: touch ${path}`, {
      onEvent(event) {
        if (event.type !== 'decision_requested') return;
        void answer(seat, keys);
      },
    });
    const [asked] = ofType(turn, 'decision_requested');
    expect(ofType(turn, 'decision_resolved')).toEqual([
      { type: 'decision_resolved', decisionId: asked!.decisionId, outcome, by: 'terminal' },
    ]);
    expect(existsSync(path)).toBe(outcome === 'allow');
    expect(endOf(turn).outcome).toBe(end);
    expect(session.handle.resolve(asked!.decisionId, { outcome: 'allow' })).toBe(false);
    seat.leave();
    await session.handle.close();
  });

  test('DECIDE-5: for a call that runs long after the key, it is settled when the call starts', async () => {
    const session = await openSession(harness);
    const seat = seatAt(session);
    const path = join(harness.cwd, 'long');
    const events: AgentEvent[] = [];
    const turn = runTurn(session, `run: touch ${path}-begun; until [ -e ${path} ]; do sleep 0.05; done`, {
      onEvent(event) {
        events.push(event);
        if (event.type === 'decision_requested') void answer(seat, '1');
      },
    });
    await until(() => ofType(events, 'decision_resolved').length === 1);
    expect(ofType(events, 'tool_call_update')).toEqual([]);
    const other = await openSession(harness);
    await runTurn(other, `run: touch ${path}`, { answer: () => ({ outcome: 'allow' }) });
    expect(endOf(await turn).outcome).toBe('completed');
    seat.leave();
    await session.handle.close();
    await other.handle.close();
  });
});

describe('the program', () => {
  test('PTY-6: ends its session, with the cause, when its user quits it; the next one continues where it was', async () => {
    const store = new InMemorySessionStore();
    const session = await openSession(harness, { sessionStore: store });
    const seat = seatAt(session);
    await runTurn(session, 'stream 2 tokens');
    seat.type('/exit\r');
    await until(() => session.lost.length === 1);
    expect(session.lost[0]?.message).toContain('code 0');
    const own = `BOOCODE_SESSION=${session.sessionId}`;
    expect(harness.leftovers(session.chatId).filter((each) => each.environ.includes(own))).toEqual([]);
    const again = await openSession(harness, { sessionStore: store, sessionId: session.sessionId });
    expect(textIn(await runTurn(again, 'what did I say'))).toContain('stream 2 tokens');
    await again.handle.close();
  });

  test('PTY-11: is not suspended by Ctrl-Z, and continues immediately if a key in another encoding suspended it', async () => {
    const session = await openSession(harness);
    const seat = seatAt(session);
    // The program's message is only briefly on the screen.
    const watching = session.handle.terminal!.attach({ canWrite: false });
    let said = '';
    const reading = (async () => {
      for await (const frame of watching.frames) {
        if (frame.type === 'output') said += Buffer.from(frame.data).toString();
      }
    })();
    seat.type('abc\x1a');
    seat.type('\x1ad');
    await seat.sees('abcd');
    expect(said).not.toContain('suspended');
    // Ctrl-Z as kitty and other terminals send it.
    seat.type('\x15\x1b[122;5u');
    await until(() => said.includes('suspended'));
    watching.close();
    seat.leave();
    await reading;
    const turn = await runTurn(session, 'stream 1 tokens');
    expect(textIn(turn).trim()).toBe('t1');
    expect(session.lost).toEqual([]);
    await session.handle.close();
  });

  const waysOut = [
    ['Ctrl-D', '\x04'],
    ['Ctrl-C', '\x03'],
  ] as const;
  test.each(waysOut)(
    'PTY-12: says in its terminal that it was quit by pressing %s twice, and the next one continues',
    async (name, key) => {
      const store = new InMemorySessionStore();
      const session = await openSession(harness, { sessionStore: store });
      await runTurn(session, 'stream 2 tokens');
      const seat = seatAt(session);
      // Elsewhere this key sends a signal; here it is an ordinary key.
      seat.type('\x1c');
      seat.type(key);
      await seat.sees(`Press ${name} again to exit`);
      seat.type(key);
      await until(() => seat.ended !== undefined);
      expect(seat.ended).toBe(
        'The program was left. It starts again with the next prompt, or when its terminal is opened.',
      );
      await until(() => session.lost.length > 0);
      const again = await openSession(harness, { sessionStore: store, sessionId: session.sessionId });
      expect(textIn(await runTurn(again, 'what did I say'))).toContain('stream 2 tokens');
      await again.handle.close();
    },
  );

  test('PTY-7: /clear starts another session, which is reported, mirrored and resumed', async () => {
    const store = new InMemorySessionStore();
    const session = await openSession(harness, { sessionStore: store });
    const seat = seatAt(session);
    await runTurn(session, 'stream 2 tokens');
    seat.type('/clear\r');
    await until(() => ofType(session.between, 'session_started').length === 1);
    const { sessionId } = ofType(session.between, 'session_started')[0]!;
    expect(sessionId).not.toBe(session.sessionId);
    const fresh = await runTurn(session, 'what did I say');
    expect(textIn(fresh)).toContain('not said anything');
    await session.handle.close();
    expect((await store.load({ projectKey: 'chat', sessionId }))?.some((entry) => entry.type === 'assistant')).toBe(
      true,
    );
    const again = await openSession(harness, { sessionStore: store, sessionId });
    expect(textIn(await runTurn(again, 'what did I say'))).toContain('what did I say');
    await again.handle.close();
  });
});
