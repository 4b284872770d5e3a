import { lookAlike, variantOf } from './look-alikes.ts';
import { type Named, seenName } from './named.ts';

const words = /[\p{L}\p{M}\p{N}_]+/gu;
/** Scripts that are commonly mixed with Latin letters in one word, and do not resemble them. */
const eastAsian = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Script=Bopomofo}/u;
const latin = /\p{Script=Latin}/u;
const scripts = [
  latin,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
  /\p{Script=Coptic}/u,
  /\p{Script=Hebrew}/u,
  /\p{Script=Arabic}/u,
];
const common = /\p{Script=Common}|\p{Script=Inherited}/u;
const letter = /[\p{L}\p{Nd}]/u;

const known = new Map<string, number | undefined>();

/** Undefined for a letter of no particular script; scripts nobody could mistake for Latin count as one. */
function scriptOf(character: string): number | undefined {
  if (!known.has(character)) {
    const isNone = common.test(character) || eastAsian.test(character);
    known.set(character, isNone ? undefined : scripts.findIndex((script) => script.test(character)));
  }
  return known.get(character);
}

interface Word {
  text: string;
  start: number;
  /** Set only if it is not all ASCII. */
  characters: readonly string[];
}

/** Letters of another script within a word, and whole words that could be read as Latin. */
export function namedWords(text: string, isProse: boolean): Named[] {
  const named: Named[] = [];
  let before: Word | undefined;
  let pending: { word: Word; before: Word | undefined } | undefined;
  const judge = (after: Word | undefined): void => {
    if (!pending || pending.word.characters.length === 0) return;
    const { word } = pending;
    const isKin = [pending.before, after].some((near) => near !== undefined && isKinOf(text, word, near));
    for (const run of runsOf(
      word,
      oddLetters(word, () => isInCode(text, word, isProse) || !isKin),
    ))
      named.push(run);
  };
  for (const { 0: found, index } of text.matchAll(words)) {
    const word = { text: found, start: index, characters: /[^ -~]/.test(found) ? Array.from(found) : [] };
    judge(word);
    pending = { word, before };
    before = word;
  }
  judge(undefined);
  return named;
}

/** For each character, whether it has to be named. */
function oddLetters({ characters }: Word, canMislead: () => boolean): boolean[] {
  const hasLatin = characters.some((each) => latin.test(each) && /^\p{L}$/u.test(each));
  const own = characters.map(scriptOf).find((script) => script !== undefined);
  const mixed = characters.map((character) => {
    if (character <= '\u00ff' || !letter.test(character)) return false;
    // Used in Turkish.
    if (character === 'ı' || /^\p{Lm}$/u.test(character)) return false;
    if (variantOf(character) !== undefined) return true;
    const script = scriptOf(character);
    if (script === 0 || script === undefined) return hasLatin && lookAlike(character) !== undefined;
    return hasLatin || script !== own;
  });
  if (mixed.includes(true)) return mixed;
  const isWholeLatin = characters.every((each) => isLatinLike(each) || /[0-9_]/.test(each));
  const isOdd = !hasLatin && isWholeLatin && characters.some(isLatinLike) && canMislead();
  return characters.map((each) => isOdd && isLatinLike(each));
}

const isLatinLike = (character: string): boolean =>
  letter.test(character) && !eastAsian.test(character) && /^[A-Za-z0-9]$/.test(lookAlike(character) ?? '');

/** Whether a neighbour on the same line is certainly of the same script: then it is a sentence in that script. */
function isKinOf(text: string, word: Word, near: Word): boolean {
  const [first, second] = near.start < word.start ? [near, word] : [word, near];
  const between = text.slice(first.start + first.text.length, second.start);
  if (between.length > 3 || between.includes('\n')) return false;
  const script = scriptOf(word.characters[0] ?? '');
  return near.characters.some((each) => scriptOf(each) === script && letter.test(each) && !isLatinLike(each));
}

/** Where words are executed or looked up: a part of a path, of a host, of an option, or the first word of a command. */
function isInCode(text: string, { text: word, start }: Word, isProse: boolean): boolean {
  const before = text.slice(Math.max(0, start - 40), start);
  const after = text.slice(start + word.length, start + word.length + 2);
  if (/[/\\.@=$:]$|(?:^|[\s'"(])-{1,2}$/.test(before) || /^[/\\@=]|^[.:]\S/.test(after)) return true;
  return !isProse && word.length > 1 && /(?:^|[\n;|&(`])[ \t]*$/.test(before);
}

/** Adjacent characters that have to be named are named together. */
function runsOf({ characters, start }: Word, isOdd: readonly boolean[]): Named[] {
  const runs: Named[] = [];
  let run: string[] = [];
  let at = start;
  const close = (): void => {
    if (run.length > 0) runs.push({ start: at - run.join('').length, end: at, name: seenName(run) });
    run = [];
  };
  for (const [index, character] of characters.entries()) {
    if (isOdd[index] !== true) close();
    else run.push(character);
    at += character.length;
  }
  close();
  return runs;
}
