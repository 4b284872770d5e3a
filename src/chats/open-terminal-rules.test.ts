import { expect, test } from 'vitest';
import type { ChatContext } from './chat-context.ts';
import type { ChatSession } from './chat-session.ts';
import { openTerminal } from './open-terminal.ts';

const terminal = { attach: () => {} };
/** One that is not here has no capabilities. */
const backends = (capabilities: Record<string, boolean | null>) =>
  Object.entries(capabilities).map(([name, hasTerminal]) => ({
    name,
    runs: hasTerminal === null ? { reason: 'Not here.' } : { name, capabilities: { terminal: hasTerminal } },
  }));

interface Given {
  backend?: string;
  capabilities?: Record<string, boolean | null>;
  turn?: object;
  isReady?: boolean;
  handle?: object | undefined;
  /** A decision waits without a process. */
  isWaiting?: boolean;
  /** The session once it is open. */
  warmed?: object;
}

/** Opens the terminal of a chat; `tasks` tells what had to wait for a moment between turns. */
function open({
  backend = 'pty',
  capabilities = { sdk: false, pty: true, gone: null },
  turn,
  isWaiting = false,
  ...rest
}: Given) {
  const tasks: string[] = [];
  const session = { isReady: false, ...rest, warm: () => void (session.handle = rest.warmed), use() {} };
  const context = {
    state: { turn },
    settings: { row: { agent: 'claude', backend } },
    agents: { agentFor: () => ({ backends: backends(capabilities) }) },
    queue: { addTask: (kind: string, work: () => Promise<unknown>) => (tasks.push(kind), work()) },
  };
  const opened = openTerminal(context as unknown as ChatContext, session as unknown as ChatSession, { isWaiting });
  return { opened, tasks };
}

test('AGENT-9: a session that is ready, or in a turn, shows its terminal at once', async () => {
  for (const given of [{ isReady: true }, { turn: {} }]) {
    const { opened, tasks } = open({ ...given, handle: { terminal } });
    expect(await opened).toBe(terminal);
    expect(tasks).toEqual([]);
  }
});

test('AGENT-9: any other is opened between turns', async () => {
  for (const given of [{}, { turn: {} }, { handle: { terminal: 'an old one' } }]) {
    const { opened, tasks } = open({ ...given, warmed: { terminal } });
    expect(await opened).toBe(terminal);
    expect(tasks).toEqual(['terminal']);
  }
});

test('a session that has just ended has no terminal', async () => {
  const ended = { code: 'terminal_unavailable', message: 'The session has just ended. Try again.' };
  await expect(open({}).opened).rejects.toMatchObject(ended);
  await expect(open({ isReady: true }).opened).rejects.toMatchObject(ended);
});

test('a process that continued a call has no terminal, and one opens when it has ended', async () => {
  const words = 'still works in the background';
  const working = open({ isReady: true, handle: {}, warmed: {} });
  await expect(working.opened).rejects.toMatchObject({ code: 'terminal_unavailable' });
  await expect(working.opened).rejects.toThrow(words);
  const { opened, tasks } = open({ turn: {}, handle: {}, warmed: { terminal } });
  expect([await opened, tasks]).toEqual([terminal, ['terminal']]);
});

test('DECIDE-16: no terminal opens while a decision waits without a process', async () => {
  const { opened, tasks } = open({ isWaiting: true, warmed: { terminal } });
  await expect(opened).rejects.toMatchObject({ code: 'terminal_unavailable' });
  await expect(opened).rejects.toThrow('while it waited for an answer');
  expect(tasks).toEqual([]);
});

test('the error for a backend without a terminal names one that has it, if there is one', async () => {
  const details = { backend: 'sdk' };
  const what = 'This chat runs on sdk, which has no terminal.';
  await expect(open({ backend: 'sdk' }).opened).rejects.toMatchObject({
    code: 'terminal_unavailable',
    message: `${what} Flip it with \`boocode flip <chat> --to pty\`, or PATCH it with {"backend": "pty"}, and try again.`,
    details,
  });
  const none = open({ backend: 'sdk', capabilities: { sdk: false, pty: null } });
  await expect(none.opened).rejects.toMatchObject({ message: what, details });
});

test('each of several backends with a terminal shows its own', async () => {
  for (const backend of ['pty', 'other']) {
    const { opened } = open({ backend, capabilities: { pty: true, other: true }, isReady: true, handle: { terminal } });
    expect(await opened).toBe(terminal);
  }
});
