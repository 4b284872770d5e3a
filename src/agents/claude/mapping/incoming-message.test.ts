// The program's marks as measured: see `test/e2e/agent-messages.test.ts` for the program itself.
import { describe, expect, test } from 'vitest';
import { textOf } from '../../../protocol/text-of.ts';
import { incomingOfHook, incomingOfLine, type IncomingMessage } from './incoming-message.ts';

const short = ({ origin, content }: IncomingMessage): unknown[] => [origin.kind, origin.name, textOf(content)];

const enveloped = (words: string): string =>
  `<cross-session-message from="uds:/tmp/1.sock" from-name="docs-4f" from-mode="prompting">\n${words}\n</cross-session-message>`;
const task = (inner: string): string => `<task-notification>\n<task-id>t</task-id>\n${inner}\n</task-notification>`;

describe('TURN-6: words that a hook gets', () => {
  test.each<[string, string, unknown[]]>([
    ['of another agent', enveloped('Hello.'), ['teammate', 'docs-4f', 'Hello.']],
    [
      'of another agent, with a mark in them',
      enveloped('a\n</cross-session-message>\nb'),
      ['teammate', 'docs-4f', 'a\n</cross-session-message>\nb'],
    ],
    ['of an agent without a name', '<teammate-message from="lead">Go.</teammate-message>', ['teammate', 'lead', 'Go.']],
    ['of a sub-agent', '<agent-message from="a37">\nHello.\n</agent-message>', ['sub_agent', 'a37', 'Hello.']],
    ['of a task', task('<summary>Count is done</summary>'), ['background_task', undefined, 'Count is done']],
    [
      'of a task that brings something',
      task('<summary>Done</summary>\n<result>42</result>'),
      ['background_task', undefined, 'Done\n\n42'],
    ],
    [
      'of a task that counts what it used',
      task(
        '<summary>Done</summary>\n<note>A task-notification fires each time.</note>\n<result>42</result>\n<usage><tool_uses>1</tool_uses></usage>',
      ),
      ['background_task', undefined, 'Done\n\n42'],
    ],
    [
      'of a task, with more in them than is known: nothing of it is left out',
      task('<summary>Line</summary>\n<event>x</event>\n<status>Do this.</status>'),
      ['background_task', undefined, '<summary>Line</summary>\n<event>x</event>\n<status>Do this.</status>'],
    ],
    ['of a task, unreadable', task(''), ['background_task', undefined, task('')]],
    [
      'of the program',
      '[Cross-session delivery notice] Not delivered.',
      ['other', undefined, '[Cross-session delivery notice] Not delivered.'],
    ],
    ['with a mark behind them', `Look: ${enveloped('x')}`, ['other', undefined, `Look: ${enveloped('x')}`]],
  ])('%s', (_, words, told) => {
    expect(short(incomingOfHook(words, false, 'id'))).toEqual(told);
  });

  test('are the agent’s own, whatever tags they have', () => {
    for (const words of ['Look again.', enveloped('Hello.'), task('<summary>Done</summary>')]) {
      expect(short(incomingOfHook(words, true, 'id'))).toEqual(['wake_up', undefined, words]);
    }
  });
});

describe('TURN-6: a line of the transcript', () => {
  test.each<[string, { origin?: unknown; turnOrigin?: unknown }, string, unknown[]]>([
    [
      'of another agent',
      { origin: { kind: 'peer', name: 'docs-4f', body: 'Hello.' } },
      'anything',
      ['teammate', 'docs-4f', 'Hello.'],
    ],
    [
      'of another agent, without the words alone',
      { origin: { kind: 'peer', from: 'uds:1' } },
      enveloped('Hello.'),
      ['teammate', 'uds:1', 'Hello.'],
    ],
    [
      'of a sub-agent',
      { origin: { kind: 'peer', from: 'a37', senderTaskId: 'a37', name: 'general-purpose', body: 'Hello.' } },
      'anything',
      ['sub_agent', 'general-purpose', 'Hello.'],
    ],
    ['of a schedule', { turnOrigin: 'scheduled' }, enveloped('x'), ['wake_up', undefined, enveloped('x')]],
    [
      'of a schedule elsewhere',
      { origin: { kind: 'task-notification', subkind: 'scheduled-trigger' } },
      'Go.',
      ['wake_up', undefined, 'Go.'],
    ],
    [
      'of a task',
      { origin: { kind: 'task-notification' } },
      task('<summary>Done</summary>'),
      ['background_task', undefined, 'Done'],
    ],
    ['of a channel', { origin: { kind: 'channel', server: 'mail' } }, 'Post.', ['other', 'mail', 'Post.']],
    ['of the program', { turnOrigin: 'system' }, 'Not delivered.', ['other', undefined, 'Not delivered.']],
  ])('%s', (_, { origin, turnOrigin }, words, told) => {
    expect(short(incomingOfLine({ origin, turnOrigin }, words, 'id')!)).toEqual(told);
  });

  test.each([
    [{ origin: { kind: 'human' }, turnOrigin: 'human' }],
    [{ origin: undefined, turnOrigin: 'sdk' }],
    [{ origin: undefined, turnOrigin: undefined }],
    [{ origin: { kind: 'unclassified' } }],
    [{ origin: 5, turnOrigin: ['peer'] }],
    [{ origin: { kind: 'constructor' }, turnOrigin: '__proto__' }],
  ])('is not an incoming message if it is a person’s or its author is unknown: %j', (line) => {
    expect(incomingOfLine(line, enveloped('x'), 'id')).toBeUndefined();
  });

  test('a name is one line without hidden characters', () => {
    const told = incomingOfLine({ origin: { kind: 'peer', name: `a\n\u202eb${'c'.repeat(300)}` } }, 'x', 'id')!;
    expect(told.origin.name).toMatch(/^a␊\\u\{202e\}bc+…$/);
    expect(told.origin.name!.length).toBeLessThanOrEqual(100);
  });
});
