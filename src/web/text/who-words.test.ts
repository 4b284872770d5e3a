import { expect, it } from 'vitest';
import type { ChangedBy } from '../../client/client.ts';
import { whoOf, whoParts } from './who-words.ts';

const nobody: ChangedBy = { chats: [], either: [], people: false, unknown: false };
const by = (part: Partial<ChangedBy>): ChangedBy => ({ ...nobody, ...part });
const sentence = (part: Partial<ChangedBy>): string =>
  whoParts(by(part))
    .map((each) => ('text' in each ? each.text : `<${each.chatId}>`))
    .join('');

it('WEB-98: who changed a file is said briefly, and in a sentence', () => {
  const told: [Partial<ChangedBy>, string, string][] = [
    [{ chats: ['here'] }, 'here', 'Changed by <here>.'],
    [{ chats: ['b'] }, 'other', 'Changed by <b>.'],
    [{ people: true }, 'person', 'Changed by a person.'],
    [{ unknown: true }, 'unknown', 'It is not known who changed it.'],
    [{}, 'unknown', 'It is not known who changed it.'],
    [{ chats: ['here'], unknown: true }, 'partly', 'Changed by <here>. Some of it is not known.'],
    [{ either: ['here', 'b'] }, 'several', 'Changed by <here> or <b>.'],
    [{ chats: ['here', 'b', 'c'], people: true }, 'several', 'Changed by <here>, <b>, <c> and a person.'],
    [{ chats: ['c'], either: ['here', 'b'] }, 'several', 'Changed by <c> and <here> or <b>.'],
  ];
  expect(told.map(([part]) => [part, whoOf(by(part), 'here'), sentence(part)])).toEqual(told);
});
