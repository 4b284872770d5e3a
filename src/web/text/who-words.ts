/** Who has changed a file, in words. */
import type { ChangedBy } from '../../client/client.ts';

export type Who = 'here' | 'other' | 'person' | 'several' | 'partly' | 'unknown';

export function whoOf({ chats, either, people, unknown }: ChangedBy, chatId: string): Who {
  const count = chats.length + either.length + (people ? 1 : 0);
  if (count === 0) return 'unknown';
  if (count > 1) return 'several';
  if (unknown) return 'partly';
  return people ? 'person' : chats[0] === chatId ? 'here' : 'other';
}

/** Briefly, beside the name of a file; of this chat nothing, because it is the usual. */
export const whoLabels = {
  here: '',
  other: 'another chat',
  person: 'a person',
  several: 'several',
  partly: 'partly known',
  unknown: 'not known',
} as const satisfies Record<Who, string>;

/** As part of a sentence. */
export const whoWords = {
  here: 'changed by this chat',
  other: 'changed by another chat',
  person: 'changed by a person',
  several: 'changed by several',
  partly: 'only partly known who changed it',
  unknown: 'not known who changed it',
} as const satisfies Record<Who, string>;

export type WhoPart = { text: string } | { chatId: string };

/** A sentence, with the chats in it. */
export function whoParts({ chats, either, people, unknown }: ChangedBy): WhoPart[] {
  const all: WhoPart[][] = [
    ...chats.map((chatId) => [{ chatId }]),
    ...(either.length > 0
      ? [
          between(
            either.map((chatId) => [{ chatId }]),
            ' or ',
            ' or ',
          ),
        ]
      : []),
    ...(people ? [[{ text: 'a person' }]] : []),
  ];
  if (all.length === 0) return [{ text: 'It is not known who changed it.' }];
  const rest = unknown ? '. Some of it is not known.' : '.';
  return [{ text: 'Changed by ' }, ...between(all, ', ', ' and '), { text: rest }];
}

const between = (all: WhoPart[][], comma: string, last: string): WhoPart[] =>
  all.flatMap((parts, at) => (at === 0 ? parts : [{ text: at === all.length - 1 ? last : comma }, ...parts]));
