/**
 * How many terminal cells a character takes, identically on every screen of ours: a screen that counts differently
 * shows shifted borders. Counted as the claude program does: by East Asian Width, nothing for marks and invisible
 * characters, and two cells for a whole emoji, whatever it consists of.
 */
import { eastAsianWidth } from 'get-east-asian-width';

/** What xterm asks about a character; see its `IUnicodeVersionProvider`. */
interface WidthProvider {
  readonly version: string;
  wcwidth(codepoint: number): Width;
  charProperties(codepoint: number, preceding: number): number;
}

/** An xterm terminal with `allowProposedApi`. */
export interface HasWidths {
  readonly unicode: { register(provider: WidthProvider): void; activeVersion: string };
}

type Width = 0 | 1 | 2;

/** How a character, or everything joined to it, affects the next one. */
const roles = {
  plain: 0,
  unseen: 1,
  emoji: 2,
  /** An emoji with a skin tone. */
  person: 3,
  skinTone: 4,
  flagHalf: 5,
  hangul: 6,
  /** A Hangul vowel or final consonant. */
  hangulPart: 7,
  emojiWithJoiner: 8,
  /** What a keycap can be applied to. */
  keyLabel: 9,
} as const;
type Role = (typeof roles)[keyof typeof roles];

const zeroWidthJoiner = 0x200d;
const emojiStyle = 0xfe0f;
const keycap = 0x20e3;
const keyLabel = /[\d#*]/;
const unseen = /[\p{Mn}\p{Me}\p{Cf}\p{Default_Ignorable_Code_Point}]/u;
/** Signs that enclose the digits after them. */
const seenFormat = /[\u0600-\u0605\u06dd\u0890\u0891\u08e2\u{110bd}\u{110cd}]/u;
const hangulPart = /[\u1160-\u11ff\ud7b0-\ud7fb]/;
const hangul = /[\u1100-\u115f\ua960-\ua97c\uac00-\ud7a3]/;

function roleOf(character: string): Role {
  if (keyLabel.test(character)) return roles.keyLabel;
  // Before the invisible characters: fillers are both.
  if (hangulPart.test(character)) return roles.hangulPart;
  if (hangul.test(character)) return roles.hangul;
  if (unseen.test(character) && !seenFormat.test(character)) return roles.unseen;
  if (/\p{Regional_Indicator}/u.test(character)) return roles.flagHalf;
  if (/\p{Emoji_Modifier}/u.test(character)) return roles.skinTone;
  if (/\p{Emoji_Modifier_Base}/u.test(character)) return roles.person;
  return /\p{Emoji}/u.test(character) ? roles.emoji : roles.plain;
}

function widthOf(codepoint: number, role: Role): Width {
  if (role === roles.unseen || codepoint < 0x20 || (codepoint >= 0x7f && codepoint < 0xa0)) return 0;
  return role === roles.flagHalf ? 2 : eastAsianWidth(codepoint);
}

/** Role and width of characters that were looked up, 0 for the others. */
const known = new Uint8Array(0x20000);

function lookUp(codepoint: number): { role: Role; width: Width } {
  let packed = known[codepoint] ?? 0;
  if (packed === 0) {
    const role = roleOf(String.fromCodePoint(codepoint));
    packed = (role << 2) | widthOf(codepoint, role);
    if (codepoint < known.length) known[codepoint] = packed;
  }
  return { role: (packed >> 2) as Role, width: (packed & 3) as Width };
}

/**
 * In xterm's packed format: whether it joins the preceding text, the width of everything joined, and a number of our
 * own.
 */
const pack = (role: Role, width: Width, isJoined: boolean): number => (role << 3) | (width << 1) | (isJoined ? 1 : 0);
const narrow = pack(roles.plain, 1, false);

function charProperties(codepoint: number, preceding: number): number {
  if (codepoint > 0x40 && codepoint < 0x7f) return narrow;
  const { role, width } = lookUp(codepoint);
  const before = (preceding >> 3) as Role;
  const widthBefore = ((preceding >> 1) & 3) as Width;
  switch (role) {
    case roles.unseen: {
      const isEmoji = before === roles.emoji || before === roles.person;
      const widens = codepoint === emojiStyle ? isEmoji : codepoint === keycap && before === roles.keyLabel;
      const now = codepoint === zeroWidthJoiner && isEmoji ? roles.emojiWithJoiner : before;
      // If nothing is known about the preceding text, it still belongs to it.
      return pack(now, widens ? 2 : widthBefore, true);
    }
    case roles.flagHalf:
      return before === role ? pack(roles.plain, 2, true) : pack(role, 2, false);
    case roles.skinTone:
      return before === roles.person ? pack(roles.emoji, 2, true) : pack(roles.emoji, width, false);
    case roles.emoji:
    case roles.person:
      return before === roles.emojiWithJoiner ? pack(role, 2, true) : pack(role, width, false);
    case roles.hangulPart:
      return before === roles.hangul ? pack(before, widthBefore, true) : pack(roles.hangul, width, false);
    default:
      return pack(role, width, false);
  }
}

const provider: WidthProvider = {
  version: 'boocode',
  wcwidth: (codepoint) => lookUp(codepoint).width,
  charProperties,
};

/** Makes a terminal count this way. */
export function useCellWidths({ unicode }: HasWidths): void {
  unicode.register(provider);
  unicode.activeVersion = provider.version;
}

/** Whether a character might join the one before it. */
export function mayJoin(character: string): boolean {
  const codepoint = character.codePointAt(0) ?? 0;
  if (codepoint < 0xa0) return false;
  const { role } = lookUp(codepoint);
  return role !== roles.plain && role !== roles.hangul;
}

/** Whether a character takes no cell of its own. */
export const isUnseen = (character: string): boolean => lookUp(character.codePointAt(0) ?? 0).role === roles.unseen;
