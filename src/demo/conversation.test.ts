import { describe, expect, test } from 'vitest';
import { readConversation } from './conversation.ts';
import { parseRequest } from './request.ts';

function read(messages: unknown[], rest: Record<string, unknown> = {}): ReturnType<typeof readConversation> {
  const parsed = parseRequest({ model: 'any', messages, ...rest });
  if (!parsed.ok) throw new Error(parsed.message);
  return readConversation(parsed.request);
}

const text = (value: string): unknown => ({ type: 'text', text: value });
const user = (...content: unknown[]): unknown => ({ role: 'user', content });
const assistant = (...content: unknown[]): unknown => ({ role: 'assistant', content });

describe('typed text', () => {
  test('is found between and after the reminders', () => {
    const reminder = text('<system-reminder>\nlist the files here\n</system-reminder>');
    const conversation = read([
      user(reminder, text('hello'), reminder),
      { role: 'system', content: 'Primary working directory: /some/place\n' },
      user(reminder),
    ]);
    expect(conversation.typed).toEqual(['hello']);
    expect(conversation.lastTyped).toBe('hello');
    expect(conversation.cwd).toBe('/some/place');
  });

  test('is read block by block, since a failed turn’s text stays in front of the next one', () => {
    expect(read([user(text('fail 401'), text('hello'))]).typed).toEqual(['fail 401', 'hello']);
  });

  test('does not include what the program says in the person’s role', () => {
    const conversation = read([
      user(text('max tokens')),
      assistant(text('a')),
      user(text('Output token limit hit. Resume directly.')),
      assistant(text('b')),
      user(text('[Request interrupted by user]\n')),
    ]);
    expect(conversation.typed).toEqual(['max tokens']);
  });

  test('includes what was sent in the middle of a turn', () => {
    const passedOn =
      'The user sent a new message while you were working:\nstop that\n\nThis is how Claude Code does it.';
    const result = { type: 'tool_result', tool_use_id: 't1', content: 'ok' };
    const call = { type: 'tool_use', id: 't1', name: 'Bash', input: {} };
    for (const message of [
      { role: 'system', content: passedOn },
      user(text(`<system-reminder>\n${passedOn}\n</system-reminder>`)),
    ]) {
      const conversation = read([user(text('run: x')), assistant(call), user(result), message]);
      expect(conversation.lastTyped).toBe('stop that');
      expect(conversation.rounds).toEqual([]);
    }
  });

  test('survives a compaction through the lines of its summary', () => {
    const summary =
      'This session is being continued from a previous conversation.\nSummary:\n- The person said: "a \\"b\\""\n- The person said: "c"\n';
    expect(read([user(text(summary), text('d'))]).typed).toEqual(['a "b"', 'c', 'd']);
  });

  test('may be missing if there is only an image', () => {
    const conversation = read([user({ type: 'image', source: {} })]);
    expect(conversation.images).toBe(1);
    expect(conversation.lastTyped).toBe('');
  });
});

describe('tool calls', () => {
  const call = (id: string, name: string, input: unknown = {}): unknown => ({ type: 'tool_use', id, name, input });
  const result = (id: string, content: unknown, isError = false): unknown => ({
    type: 'tool_result',
    tool_use_id: id,
    content,
    is_error: isError,
  });

  test('count from the last typed text, with their results', () => {
    const conversation = read([
      user(text('one')),
      assistant(call('t1', 'Read')),
      user(result('t1', 'old')),
      assistant(text('done')),
      user(text('two')),
      assistant(call('t2', 'Bash', { command: 'ls' }), call('t3', 'Bash')),
      user(result('t3', [text('second')], true), result('t2', 'first')),
    ]);
    expect(conversation.rounds).toEqual([
      { id: 't2', name: 'Bash', input: { command: 'ls' }, result: 'first', isError: false },
      { id: 't3', name: 'Bash', input: {}, result: 'second', isError: true },
    ]);
  });

  test('a tool counts as deferred until it was searched for', () => {
    const system = 'The following deferred tools are now available. Search:\nTodoWrite\nmcp__a-b__c\n\nMore text\n';
    const tools = [{ name: 'Bash' }];
    const before = read([user(text('plan the work'))], { system, tools });
    expect(before.deferred).toEqual(new Set(['TodoWrite', 'mcp__a-b__c']));
    expect(before.available).toEqual(new Set(['Bash', 'TodoWrite', 'mcp__a-b__c']));

    const search = call('t1', 'ToolSearch', { query: 'select:TodoWrite' });
    const after = read(
      [user(text('plan the work')), assistant(search), user(result('t1', 'ok'), text('Tool loaded.'))],
      {
        system,
        tools,
      },
    );
    expect(after.deferred).toEqual(new Set(['mcp__a-b__c']));
    expect(after.lastTyped).toBe('plan the work');
    expect(after.rounds).toEqual([]);
  });

  test('the end of a background task is a notification until the model has answered it', () => {
    const notice = text('<system-reminder>\n<task-notification>x</task-notification>\n</system-reminder>');
    const messages = [user(text('hello')), assistant(text('hi')), user(notice)];
    expect(read(messages).notification).toContain('x');
    expect(read([...messages, assistant(text('so it ended'))]).notification).toBeUndefined();
    // As the program sends it after a resume.
    expect(read([user(notice, text('hello'))])).toMatchObject({ notification: undefined, lastTyped: 'hello' });
  });
});
