import { InvalidArgumentError } from 'commander';

/** A Ctrl key that leaves the terminal instead of being sent to it. */
export interface DetachKey {
  /** As people read it: `Ctrl-]`. */
  readonly name: string;
  /** Where in the input it starts; -1 if absent. */
  find(input: Buffer): number;
}

/** From `ctrl-x`, where x is a letter or one of `@[\]^_`. */
export function detachKey(text: string): DetachKey {
  const [, given = ''] = /^ctrl-([a-z@[\\\]^_])$/i.exec(text) ?? [];
  const character = given.toUpperCase();
  // The first three are what other keys send: Enter, Tab and Escape.
  if (given === '' || ['M', 'I', '[', 'J'].includes(character)) {
    throw new InvalidArgumentError('Use ctrl- and a letter, or ctrl- and one of @ \\ ] ^ _; not ctrl-i, -j, -m or -[.');
  }
  const code = character.charCodeAt(0) & 0x1f;
  const lower = character.toLowerCase().charCodeAt(0);
  // As keyboards send it if the program asked for full key reports: a press with Ctrl, whatever the locks are.
  // oxlint-disable-next-line no-control-regex -- the sequences themselves
  const inFull = new RegExp(`\\x1b\\[(?:${lower}(?::\\d*)*;(\\d+)(?::[12])?(?:;[\\d:]*)?u|27;(\\d+);${lower}~)`);
  return {
    name: `Ctrl-${character}`,
    find(input) {
      const plain = input.indexOf(code);
      const match = inFull.exec(input.toString('latin1'));
      const modifiers = (Number(match?.[1] ?? match?.[2] ?? 1) - 1) & 0x3f;
      const full = match && modifiers === 4 ? match.index : -1;
      return plain === -1 || (full !== -1 && full < plain) ? full : plain;
    },
  };
}
