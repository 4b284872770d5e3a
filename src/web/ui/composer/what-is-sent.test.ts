import { describe, expect, it } from 'vitest';
import type { Comment } from '../../text/comment-text.ts';
import { whatIsSent } from './what-is-sent.ts';

const image = { type: 'image', mimeType: 'image/png', data: 'x' } as const;
const comments: Comment[] = [{ id: '1', path: 'a.js', side: 'after', first: 1, last: 1, code: 'a', text: 'Why?' }];
const commented = 'a.js, line 1:\n```js\na\n```\nWhy?';
const prompt = (text: string, hasComments: boolean) => ({
  is: 'prompt',
  content: [{ type: 'text', text }],
  hasComments,
});

describe('WEB-84 WEB-97: what is sent', () => {
  it('has the comments, with or without a text', () => {
    expect(whatIsSent('Look:', [], comments)).toEqual(prompt(`Look:\n\n${commented}`, true));
    expect(whatIsSent(' ', [], comments)).toEqual(prompt(commented, true));
    expect(whatIsSent('/src/a.js is wrong', [], comments)).toEqual(prompt(`/src/a.js is wrong\n\n${commented}`, true));
    expect(whatIsSent('', [image], comments)).toMatchObject({ is: 'prompt', hasComments: true });
    expect(whatIsSent(' ', [], [])).toEqual({ is: 'nothing' });
  });

  it.each(['/compact', ' /clear', '/review the tests', '/plugin:command x', '/btw'])(
    'leaves them for the next prompt if it is a command: %j',
    (text) => {
      expect(whatIsSent(text, [], comments)).toEqual(prompt(text, false));
    },
  );

  it('is a question beside the conversation, and never a prompt because of comments or images', () => {
    expect(whatIsSent('/btw why?', [], comments)).toEqual({ is: 'aside', question: 'why?' });
    expect(whatIsSent('/btw why?', [image], [])).toMatchObject({ is: 'refused' });
  });
});
