// The program's questions as hook calls, and the transcript lines that belong to them.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AgentEvent, AgentEventOf } from '../agent-backend.ts';
import type { OpenCall } from '../claude/mapping/mapping-state.ts';
import type { HookCall } from './hook-server.ts';
import { TerminalQuestions } from './terminal-questions.ts';

let events: AgentEvent[];
let openCalls: Map<string, OpenCall>;
let isInterrupting: boolean;
/** Resolves once everything that the program has done was reported. */
let lateLines: () => Promise<void>;
let questions: TerminalQuestions;
beforeEach(() => {
  vi.useFakeTimers();
  events = [];
  openCalls = new Map();
  isInterrupting = false;
  lateLines = () => Promise.resolve();
  questions = new TerminalQuestions({
    emit: (event) => events.push(event),
    openCalls: () => openCalls,
    isInterrupting: () => isInterrupting,
    lateLines: () => lateLines(),
  });
});
afterEach(() => {
  const left = vi.getTimerCount();
  vi.useRealTimers();
  if (left > 0) throw new Error(`${left} timers are left.`);
});

const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

interface Asked {
  /** Undefined while there is no answer; null leaves the answer to the terminal. */
  answer: unknown;
  abandon(): void;
  done: Promise<void>;
}

function ask(command: string, more: object = {}): Asked {
  return call({ tool_name: 'Bash', tool_input: { command }, ...more });
}

function call(input: Record<string, unknown>): Asked {
  let abandon = (): void => {};
  const abandoned = new Promise<void>((resolve) => (abandon = resolve));
  const asked: Asked = { answer: undefined, abandon: () => abandon(), done: Promise.resolve() };
  const hookCall: HookCall = { input, answer: (output) => (asked.answer = output), abandoned };
  asked.done = questions.take(hookCall);
  return asked;
}

function tell(id: string, command: string, toolName = 'Bash'): void {
  openCalls.set(id, { toolName, input: { command }, parentToolCallId: undefined });
  questions.onToolCall(id);
  questions.onStoredCall(id);
}
function tellResult(id: string, denied = false): void {
  openCalls.delete(id);
  questions.onToolResult(id, denied);
}

const requested = (): AgentEventOf<'decision_requested'>[] =>
  events.filter((event) => event.type === 'decision_requested');
const resolved = (): AgentEventOf<'decision_resolved'>[] =>
  events.filter((event) => event.type === 'decision_resolved');
const allowed = (command: string): unknown => ({
  hookSpecificOutput: {
    hookEventName: 'PermissionRequest',
    decision: { behavior: 'allow', updatedInput: { command } },
  },
});
const denied = (message: string): unknown => ({
  hookSpecificOutput: { hookEventName: 'PermissionRequest', decision: { behavior: 'deny', message } },
});

describe('DECIDE-5: a question', () => {
  test('is asked for its call, and answered here', async () => {
    tell('one', 'ls');
    const hook = ask('ls', {
      permission_suggestions: [{ type: 'setMode', mode: 'acceptEdits', destination: 'session' }, null],
    });
    await settle();
    expect(requested()).toMatchObject([
      {
        kind: 'permission',
        toolCallId: 'one',
        title: 'Bash: ls',
        input: { command: 'ls' },
        canAllowAlways: true,
        alwaysScope: [
          'Allow all file edits, and commands that create, move, copy or remove files in the directory, in this chat until its permission mode is changed.',
        ],
      },
    ]);
    expect(questions.count).toBe(1);
    expect(hook.answer).toBeUndefined();
    const { decisionId } = requested()[0]!;
    expect(questions.resolve(decisionId, { outcome: 'allow' })).toBe(true);
    await hook.done;
    expect(hook.answer).toEqual(allowed('ls'));
    expect(questions.resolve(decisionId, { outcome: 'deny' })).toBe(false);
    expect(resolved()).toEqual([]);
  });

  test('can be answered with another input, with a permanent rule, or with a refusal and its reason', async () => {
    const rule = { type: 'addRules', rules: [] };
    for (const id of ['one', 'two', 'three']) tell(id, id);
    const hooks = ['one', 'two', 'three'].map((command) => ask(command, { permission_suggestions: [rule] }));
    await settle();
    const [one, two, three] = requested().map((event) => event.decisionId);
    questions.resolve(one!, { outcome: 'allow', input: { command: 'ls -a' } });
    questions.resolve(two!, { outcome: 'allow_always' });
    questions.resolve(three!, { outcome: 'deny', message: 'Not here.' });
    await Promise.all(hooks.map((hook) => hook.done));
    expect(hooks[0]?.answer).toEqual(allowed('ls -a'));
    expect(hooks[1]?.answer).toMatchObject({ hookSpecificOutput: { decision: { updatedPermissions: [rule] } } });
    expect(hooks[2]?.answer).toEqual(denied('Not here.'));
  });

  test('that arrives before its call is reported waits for it', async () => {
    const hook = ask('ls');
    await settle(500);
    tell('other', 'pwd');
    await settle(500);
    expect(requested()).toEqual([]);
    tell('one', 'ls');
    await settle();
    expect(requested()).toMatchObject([{ toolCallId: 'one' }]);
    questions.resolve(requested()[0]!.decisionId, { outcome: 'allow' });
    await hook.done;
  });

  test('whose call is never reported is asked anyway: for the last call of its tool, or for none', async () => {
    tell('one', 'pwd');
    tell('two', 'pwd');
    tell('three', 'pwd', 'Read');
    const known = ask('ls');
    const unknown = ask('cat', { tool_name: 'Write' });
    await settle(3_000);
    expect(requested().map((event) => event.toolCallId)).toEqual(['two', expect.stringMatching(/^[0-9a-f-]{36}$/)]);
    questions.withdrawAll();
    await Promise.all([known.done, unknown.done]);
  });

  test('is distinguished from an equal one: two at once belong to two calls', async () => {
    tell('one', 'ls');
    tell('two', 'ls');
    const hooks = [ask('ls'), ask('ls')];
    await settle();
    expect(requested().map((event) => event.toolCallId)).toEqual(['one', 'two']);
    questions.resolve(requested()[1]!.decisionId, { outcome: 'deny', message: 'no' });
    questions.resolve(requested()[0]!.decisionId, { outcome: 'allow' });
    await Promise.all(hooks.map((hook) => hook.done));
    expect(hooks.map((hook) => hook.answer)).toEqual([allowed('ls'), denied('no')]);
  });

  test('is distinguished from an equal one, even if both arrive before their calls', async () => {
    const hooks = [ask('ls'), ask('ls')];
    tell('one', 'ls');
    await settle();
    expect(requested().map((event) => event.toolCallId)).toEqual(['one']);
    tell('two', 'ls');
    await settle();
    expect(requested().map((event) => event.toolCallId)).toEqual(['one', 'two']);
    questions.withdrawAll();
    await Promise.all(hooks.map((hook) => hook.done));
  });

  test('does not belong to an equal call that was already answered and is running', async () => {
    tell('one', 'ls');
    const hook = ask('ls');
    await settle();
    questions.resolve(requested()[0]!.decisionId, { outcome: 'allow' });
    await hook.done;
    const next = ask('ls');
    await settle(100);
    expect(requested()).toHaveLength(1);
    tell('two', 'ls');
    await settle();
    expect(requested().map((event) => event.toolCallId)).toEqual(['one', 'two']);
    // The result of the first says nothing about the second.
    tellResult('one');
    await settle();
    expect(resolved()).toEqual([]);
    questions.resolve(requested()[1]!.decisionId, { outcome: 'allow' });
    await next.done;
    expect(next.answer).toEqual(allowed('ls'));
  });
});

describe('DECIDE-5: a question that was answered in the terminal', () => {
  test.each([
    ['allowed', false, 'allow'],
    ['refused', true, 'deny'],
  ])('%s: is settled by the result of its call, and the hook says nothing', async (_, isDenied, outcome) => {
    tell('one', 'ls');
    const hook = ask('ls');
    await settle();
    const { decisionId } = requested()[0]!;
    tellResult('one', isDenied);
    await hook.done;
    expect(resolved()).toEqual([{ type: 'decision_resolved', decisionId, outcome, by: 'terminal' }]);
    expect(hook.answer).toBeNull();
    expect(questions.resolve(decisionId, { outcome: 'allow' })).toBe(false);
  });

  test('is settled when the program continues and no dialog is open; a sub-agent’s question is not', async () => {
    tell('one', 'ls');
    tell('two', 'pwd');
    const main = ask('ls');
    const sub = ask('pwd', { agent_id: 'agent-1' });
    await settle();
    questions.onDialogClosed(questions.open);
    await main.done;
    expect(main.answer).toBeNull();
    expect(resolved()).toEqual([
      { type: 'decision_resolved', decisionId: requested()[0]!.decisionId, outcome: 'allow', by: 'terminal' },
    ]);
    expect(sub.answer).toBeUndefined();
    tellResult('two');
    await sub.done;
    expect(sub.answer).toBeNull();
  });

  test('before it could be asked here is never asked, if its call and result arrive at once', async () => {
    const hook = ask('ls');
    tell('one', 'ls');
    tellResult('one');
    await settle(3_000);
    await hook.done;
    expect(events).toEqual([]);
    expect(hook.answer).toBeNull();
  });
});

describe('a question whose hook is gone', () => {
  test('is withdrawn once it is certain that no key answered it, or if that cannot be found out', async () => {
    let tellLines = (): void => {};
    lateLines = () => new Promise((resolve) => (tellLines = resolve));
    tell('one', 'ls');
    const hook = ask('ls');
    await settle();
    hook.abandon();
    await settle(1_000);
    expect(resolved()).toEqual([]);
    tellLines();
    await settle(10_000);
    await hook.done;
    const { decisionId } = requested()[0]!;
    const cancelled = { type: 'decision_resolved', outcome: 'cancelled', by: 'agent' };
    expect(resolved()).toEqual([{ ...cancelled, decisionId }]);
    expect(questions.count).toBe(0);

    lateLines = () => Promise.reject(new Error('The file cannot be read.'));
    tell('two', 'pwd');
    const other = ask('pwd');
    await settle();
    other.abandon();
    await other.done;
    expect(resolved()).toHaveLength(2);
  });

  test('is settled if a key has answered it', async () => {
    lateLines = () => {
      tellResult('one');
      return Promise.resolve();
    };
    tell('one', 'ls');
    const hook = ask('ls');
    await settle();
    hook.abandon();
    await hook.done;
    expect(resolved()).toMatchObject([{ outcome: 'allow', by: 'terminal' }]);
  });

  test('is settled as the key answered it, even if that is written late', async () => {
    tell('one', 'ls');
    const hook = ask('ls');
    await settle();
    hook.abandon();
    await settle(5_000);
    expect(resolved()).toEqual([]);
    tellResult('one', true);
    await hook.done;
    expect(resolved()).toMatchObject([{ outcome: 'deny', by: 'terminal' }]);
  });

  test('is withdrawn when the turn ends without an answer', async () => {
    tell('one', 'ls');
    const hook = ask('ls');
    await settle();
    hook.abandon();
    await settle();
    questions.onTurnEnd();
    await hook.done;
    expect(resolved()).toMatchObject([{ outcome: 'cancelled' }]);
  });

  test('before its call was reported is never asked', async () => {
    const hook = ask('ls');
    await settle();
    hook.abandon();
    await settle();
    await hook.done;
    tell('one', 'ls');
    await settle();
    expect(events).toEqual([]);
  });
});

describe('TURN-3: at an interrupt', () => {
  test('every question is withdrawn, and the hook says nothing: the dialog is closed by key', async () => {
    tell('one', 'ls');
    const hooks = [ask('ls'), ask('not told yet')];
    await settle();
    isInterrupting = true;
    questions.withdrawAll();
    await Promise.all(hooks.map((hook) => hook.done));
    expect(hooks.map((hook) => hook.answer)).toEqual([null, null]);
    expect(resolved()).toMatchObject([{ outcome: 'cancelled' }]);
    tell('two', 'not told yet');
    await settle(3_000);
    expect(requested()).toHaveLength(1);
  });

  test('a question that can outlast the turn is refused', async () => {
    tell('one', 'ls');
    const hook = ask('ls', { agent_id: 'agent-1' });
    await settle();
    questions.withdrawAll();
    await hook.done;
    expect(hook.answer).toMatchObject({ hookSpecificOutput: { decision: { behavior: 'deny' } } });
  });
});

test('DECIDE-4: a question that is still pending at the end of a turn is asked again as another decision', async () => {
  tell('one', 'ls');
  const hook = ask('ls', { agent_id: 'agent-1' });
  await settle();
  questions.onTurnEnd();
  const [before, after] = requested();
  expect(requested()).toHaveLength(2);
  expect(after).toEqual({ ...before, decisionId: after?.decisionId });
  expect(after?.decisionId).not.toBe(before?.decisionId);
  expect(questions.resolve(before!.decisionId, { outcome: 'deny' })).toBe(false);
  expect(questions.resolve(after!.decisionId, { outcome: 'allow' })).toBe(true);
  await hook.done;
  expect(hook.answer).toEqual(allowed('ls'));
});

describe('DECIDE-7: an MCP server’s question', () => {
  const requested_schema = { type: 'object', properties: { a: { type: 'string' } } };
  const form = {
    hook_event_name: 'Elicitation',
    mcp_server_name: 'travel',
    message: 'Who?',
    mode: 'form',
    requested_schema,
  };
  const answered = (action: string, more: object = {}): unknown => ({
    hookSpecificOutput: { hookEventName: 'Elicitation', action, ...more },
  });

  test('is asked once earlier lines were reported, and answered with the values', async () => {
    let toldAll = (): void => {};
    lateLines = () => new Promise((resolve) => (toldAll = resolve));
    const hook = call(form);
    await settle();
    expect(requested()).toEqual([]);
    toldAll();
    await settle();
    expect(requested()).toMatchObject([
      {
        kind: 'form',
        input: { serverName: 'travel', mode: 'form', message: 'Who?', requestedSchema: requested_schema },
      },
    ]);
    expect(questions.count).toBe(1);
    questions.resolve(requested()[0]!.decisionId, { outcome: 'allow', input: { a: 'x' } });
    await hook.done;
    expect(hook.answer).toEqual(answered('accept', { content: { a: 'x' } }));
  });

  test('can be declined, or accepted as a page', async () => {
    const hooks = [call(form), call({ ...form, mode: 'url', url: 'https://a.example', elicitation_id: '1' })];
    await settle();
    const [one, two] = requested();
    expect(two!.input).toEqual({
      serverName: 'travel',
      mode: 'url',
      message: 'Who?',
      url: 'https://a.example',
      elicitationId: '1',
    });
    questions.resolve(one!.decisionId, { outcome: 'deny' });
    questions.resolve(two!.decisionId, { outcome: 'allow' });
    await Promise.all(hooks.map((hook) => hook.done));
    expect(hooks.map((hook) => hook.answer)).toEqual([answered('decline'), answered('accept')]);
  });

  test('is cancelled with the turn, so that no dialog opens, and when its hook is gone', async () => {
    const hooks = [call(form), call(form)];
    await settle();
    hooks[0]!.abandon();
    await settle();
    expect(resolved()).toMatchObject([{ decisionId: requested()[0]!.decisionId, outcome: 'cancelled' }]);
    questions.withdrawAll();
    await settle();
    expect(resolved()).toMatchObject([{}, { decisionId: requested()[1]!.decisionId, outcome: 'cancelled' }]);
    expect(hooks[1]!.answer).toEqual(answered('cancel'));
    expect(questions.count).toBe(0);
  });

  test('is withdrawn when its server’s calls have ended, which the hook cannot notice', async () => {
    tell('one', '', 'mcp__my_server__ask');
    tell('two', '', 'mcp__my_server__other');
    tell('three', '', 'mcp__my__ask');
    const hook = call({ ...form, mcp_server_name: 'my server' });
    await settle();
    tellResult('three');
    tellResult('one');
    await settle();
    expect(resolved()).toEqual([]);
    tellResult('two');
    await settle();
    expect(resolved()).toMatchObject([{ outcome: 'cancelled', by: 'agent' }]);
    expect(hook.answer).toEqual(answered('cancel'));
  });

  test('does not count as answered when a dialog about something else is closed', async () => {
    call(form);
    await settle();
    questions.onDialogClosed(questions.open);
    expect(resolved()).toEqual([]);
    questions.withdrawAll();
  });
});
