import { expect, it } from 'vitest';
import { hostWords } from './host-words.ts';

const [from, to] = ['attic', 'cellar'].map((name) => ({ id: name, name })) as [
  { id: string; name: string },
  { id: string; name: string },
];

it('HOST-14 HOST-15: says where a chat went, and where it is pinned', () => {
  expect(hostWords({ movedToHost: { from, to } })).toEqual(['The chat moved from the host attic to cellar.']);
  expect(hostWords({ movedToHost: { from: null, to }, host: 'cellar' })).toEqual([
    'The chat moved to the host cellar.',
    'Only the host cellar runs the chat.',
  ]);
  expect(hostWords({ host: null })).toEqual(['Any host may run the chat.']);
  expect(hostWords({})).toEqual([]);
});
