import type { Chats } from '../../src/chats/chats.ts';
import { owner } from '../../src/http/access.ts';
import type { Actor } from '../../src/protocol/principal.ts';

export const ownerVia = (via: string): Actor => ({ principal: owner, via });
/** The owner, through a client of the tests. */
export const anActor = ownerVia('test');

const acting = [
  'patchChat',
  'moveToHost',
  'giveTrust',
  'forkChat',
  'deleteChat',
  'submitPrompt',
  'interrupt',
  'rewind',
  'cancelPrompt',
  'movePrompt',
  'resumeQueue',
  'answerDecision',
] as const satisfies (keyof Chats)[];
type Acting = (typeof acting)[number];
type ByOwner<T> = T extends (actor: Actor, ...rest: infer A) => infer R ? (...rest: A) => R : never;

/** The chats as the owner uses them. */
export type OwnersChats = Omit<Chats, Acting> & { [K in Acting]: ByOwner<Chats[K]> } & {
  /** The same, through another client of the owner. */
  via(name: string): OwnersChats;
};

export function asOwner(chats: Chats, via = anActor.via): OwnersChats {
  return new Proxy(chats, {
    get(target, name) {
      if (name === 'via') return (other: string) => asOwner(chats, other);
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const first = acting.some((each) => each === name) ? [ownerVia(via)] : [];
      return (...rest: unknown[]): unknown => Reflect.apply(value, target, [...first, ...rest]);
    },
  }) as unknown as OwnersChats;
}
