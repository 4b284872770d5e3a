import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { describe, expect, test } from 'vitest';
import { createHistoryMapper, mapTranscriptLines } from './map-history.ts';

let count = 0;
const user = (content: unknown, more: object = {}): SessionStoreEntry => ({
  type: 'user',
  uuid: `u${(count += 1)}`,
  message: { role: 'user', content },
  ...more,
});
const assistant = (content: object[], more: object = {}): SessionStoreEntry => ({
  type: 'assistant',
  uuid: `a${(count += 1)}`,
  message: { id: 'msg_1', role: 'assistant', model: 'claude', content },
  ...more,
});
const call = (id: string) => assistant([{ type: 'tool_use', id, name: 'Bash', input: { command: 'ls' } }]);
const result = (id: string) =>
  user([{ type: 'tool_result', tool_use_id: id, content: 'a.txt' }], { toolUseResult: { stdout: 'a.txt' } });
const told = (...entries: SessionStoreEntry[]) => mapTranscriptLines(entries);

describe('TRANSCRIPT-5: a transcript as log events', () => {
  test('prompts, answers, thoughts and calls with their results, in order', () => {
    const events = told(
      { type: 'mode', mode: 'default' },
      user('list the files'),
      { type: 'attachment', uuid: 'x', attachment: { type: 'date', date: '2026-01-01' } },
      assistant([{ type: 'thinking', thinking: 'Hm.', signature: 's' }]),
      assistant([{ type: 'text', text: 'I will look.' }]),
      call('t1'),
      result('t1'),
      assistant([{ type: 'text', text: 'There is one.' }], {
        message: { id: 'msg_2', content: [{ type: 'text', text: 'There is one.' }] },
      }),
      { type: 'system', subtype: 'turn_duration', uuid: 'y' },
    );
    expect(events).toMatchObject([
      { type: 'user_message', content: [{ type: 'text', text: 'list the files' }] },
      { type: 'agent_thought', content: [{ type: 'text', text: 'Hm.' }] },
      { type: 'agent_message', content: [{ type: 'text', text: 'I will look.' }] },
      { type: 'tool_call', toolCallId: 't1', toolName: 'Bash', title: 'ls' },
      { type: 'tool_call_update', toolCallId: 't1', status: 'completed' },
      { type: 'agent_message', content: [{ type: 'text', text: 'There is one.' }] },
    ]);
    const ids = events.flatMap((event) => ('messageId' in event ? [event.messageId] : []));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('a call without a result ends as failed: with its turn, or with the transcript', () => {
    expect(told(user('a'), call('t1'), user('b'), call('t2'))).toMatchObject([
      { type: 'user_message' },
      { type: 'tool_call', toolCallId: 't1' },
      { type: 'tool_call_update', toolCallId: 't1', status: 'failed' },
      { type: 'user_message' },
      { type: 'tool_call', toolCallId: 't2' },
      { type: 'tool_call_update', toolCallId: 't2', status: 'failed' },
    ]);
  });

  test('interrupts and model failures are reported, the program’s messages to the model are not', () => {
    const failed = {
      isApiErrorMessage: true,
      error: 'overloaded',
      message: { id: 'e', model: '<synthetic>', content: [{ type: 'text', text: 'Overloaded' }] },
    };
    expect(
      told(
        user('reminder', { isMeta: true }),
        user('[Request interrupted by user]'),
        assistant([], failed),
        user('of a sub-agent', { isSidechain: true }),
      ),
    ).toMatchObject([
      { type: 'notice', code: 'interrupted' },
      { type: 'notice', level: 'error', code: 'model_error', message: 'Overloaded' },
    ]);
  });

  test('AGENT-12: another agent’s message, before or during a turn, is never a person’s', () => {
    const origin = { kind: 'peer', name: 'docs-4f', body: 'Hello.' };
    const said = { origin: { kind: 'teammate', name: 'docs-4f' }, content: [{ type: 'text', text: 'Hello.' }] };
    const attachment = { type: 'queued_command', prompt: 'anything', commandMode: 'prompt', isMeta: true };
    expect(
      told(
        user('anything', { isMeta: true, origin, turnOrigin: 'peer' }),
        { type: 'attachment', uuid: 'x', attachment: { ...attachment, origin } },
        { type: 'attachment', uuid: 'y', attachment },
      ),
    ).toMatchObject([
      { type: 'incoming_message', ...said },
      { type: 'incoming_message', ...said },
      { type: 'incoming_message', origin: { kind: 'other' } },
    ]);
  });

  test('the result is the same page by page as all at once', () => {
    const entries = [user('a'), call('t1'), result('t1'), call('t2'), user('b')];
    const mapper = createHistoryMapper();
    const paged = [...entries.flatMap((entry) => mapper.map([entry])), ...mapper.end()];
    expect(paged).toEqual(mapTranscriptLines(entries));
  });

  test.each([
    [{ type: 'user' }],
    [{ type: 'user', message: null }],
    [{ type: 'user', message: { content: [null, 1, { type: 'tool_result' }] } }],
    [{ type: 'assistant', message: { content: 'x' } }],
    [{ type: 'assistant', message: { content: [{ type: 'tool_use' }, null] } }],
    [{ type: 'system', subtype: 5 }],
    [{ type: 'attachment', attachment: [] }],
    [{ type: 'something-new', x: 1 }],
  ] as SessionStoreEntry[][])('no line makes it throw: %j', (entry) => {
    expect(() => mapTranscriptLines([entry!])).not.toThrow();
  });
});
