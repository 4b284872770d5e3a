import type { Conversation } from './conversation.ts';
import { piecesOf, say, type Step, think } from './reply.ts';
import { phrase, type Script } from './script.ts';

export const mostTokens = 100_000;

function tokens(conversation: Conversation): { count: number; perSecond: number | null } | null {
  const match = phrase(conversation, /^stream (\d+) tokens(?: at (\d+(?:\.\d+)?) per second)?$/i);
  if (!match) return null;
  const perSecond = match[2] === undefined ? null : Number(match[2]);
  return { count: Math.min(Number(match[1]), mostTokens), perSecond: perSecond === 0 ? null : perSecond };
}

const commitAsked = /^suggest a commit message for the changes below\b/i;

export const textScripts: readonly Script[] = [
  {
    name: 'commit message',
    when: (c) => phrase(c, commitAsked) !== null,
    reply: (c) => [say(`Change ${[...c.lastTyped.matchAll(/^- \w+: (.+)$/gm)].map(([, name]) => name).join(', ')}`)],
  },
  {
    name: 'stream tokens',
    when: (c) => tokens(c) !== null,
    reply(c) {
      const { count, perSecond } = tokens(c) ?? { count: 0, perSecond: null };
      const pieces = Array.from({ length: count }, (_, index) => `t${index + 1} `);
      return [{ type: 'text', pieces, intervalMs: perSecond === null ? 0 : 1000 / perSecond }];
    },
  },
  {
    name: 'hold',
    when: (c) => phrase(c, /^hold$/i) !== null,
    reply: () => [{ type: 'text', pieces: ['I hold here. ', 'Now I go on.'], holdAfter: 1 }],
  },
  {
    name: 'hold after a line',
    when: (c) => phrase(c, /^hold after a line$/i) !== null,
    reply: () => [{ type: 'text', pieces: ['I hold after this line.\n', 'Now I go on.'], holdAfter: 1 }],
  },
  {
    name: 'think',
    when: (c) => phrase(c, /^think\b/i) !== null,
    reply: () => [
      think('The person asks me to think. First I look at the question from one side, then from the other.'),
      say('I have thought about it, as far as a script can.'),
    ],
  },
  {
    name: 'remember',
    when: (c) => phrase(c, /^(what did i say|what do you remember|remember)$/i) !== null,
    reply(c) {
      const earlier = c.typed.slice(0, -1);
      if (earlier.length === 0) return [say('You have not said anything before this.')];
      return [say(`You said: ${earlier.map((text) => JSON.stringify(text)).join(', ')}.`)];
    },
  },
  {
    name: 'image',
    when: (c) => c.images > 0,
    reply: (c) => [
      say(`I got ${c.images === 1 ? 'one image' : `${c.images} images`}. I am a script and cannot see what is in it.`),
    ],
  },
  {
    name: 'who are you',
    when: (c) => phrase(c, /\b(who|what) are you\b|\bwhich model\b/i) !== null,
    reply: (c) => [
      say(
        `I am the scripted demo model of BooCode, not a real model. You asked for "${c.model}"; no such model runs here.`,
      ),
    ],
  },
];

/** Suggestions for people. Each works in a new chat, on every engine; those about a file work in this order. */
export const hints = [
  'list the files here',
  'run: echo hello',
  'write notes.txt: hello',
  'edit notes.txt: hello => goodbye',
  'read notes.txt',
  'plan the work',
  'ask me',
  'use a sub-agent',
  'start a background task',
  'think',
  'stream 200 tokens at 50 per second',
  'what did I say',
] as const;

export const fallbackScripts: readonly Script[] = [
  {
    name: 'anything else',
    when: () => true,
    reply: (): Step[] => [
      {
        type: 'text',
        pieces: piecesOf(
          'I am the scripted demo model of BooCode, not a real model, and I only know a few phrases. Try one of these:\n\n' +
            hints.map((example) => `- \`${example}\``).join('\n'),
        ),
      },
    ],
  },
];
