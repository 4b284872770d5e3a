/**
 * Characters that look like ASCII but are not: a name, a host or an option made of them differs from what a person
 * reads. A selection of Unicode's confusables (UTS #39): letters in use that look the same in common fonts. Mere
 * variants of ASCII characters, such as full-width or mathematical ones, are covered by Unicode normalization.
 */
const letters: Readonly<Record<string, string>> = {
  a: 'аɑα⍺ᴀ',
  b: 'Ьᖯᑲ',
  c: 'сϲᴄⲥ',
  d: 'ԁᑯɗ',
  e: 'еҽє',
  f: 'ẝϝք',
  g: 'ɡցᶃ',
  h: 'һհᏂ',
  i: 'іɩιӏıɪ',
  j: 'јϳȷ',
  k: 'κкᴋⲕ',
  l: 'ⅼוןǀا١۱ߊᛁⲒӀ',
  m: 'ⅿ',
  n: 'ոռη',
  o: 'оοσօഠംଠ໐๐०੦૦௦೦൦ⲟᴏס',
  p: 'рρϱⲣ',
  q: 'ԛգզ',
  r: 'гᴦⲅɾ',
  s: 'ѕꜱƽ',
  t: 'τᴛ',
  u: 'υսʋᴜ',
  v: 'ѵνᴠט',
  w: 'ԝѡաɯᴡ',
  x: 'хχⅹ᙮',
  y: 'уүγყɣʏ',
  z: 'ᴢʐ',
  A: 'АΑᎪꓮ𐊠',
  B: 'ВΒᏴꓐ𐊂',
  C: 'СϹᏟꓚⲤ𐊢',
  D: 'Ꭰꓓᗞ',
  E: 'ЕΕᎬꓰ⋿',
  F: 'Ϝꓝᖴ',
  G: 'ԌᏀꓖ',
  H: 'НΗᎻꓧⲎ',
  I: 'ІΙӀꓲⵏ',
  J: 'ЈᎫꓙͿ',
  K: 'КΚᏦꓗⲔ',
  L: 'ᏞꓡⳐ',
  M: 'МΜᎷꓟⲘϺ',
  N: 'ΝꓠⲚ',
  O: 'ОΟՕꓳⲞⵔ〇',
  P: 'РΡᏢꓑⲢ',
  Q: 'Ԛⵕ',
  R: 'ᏒꓣᎡ',
  S: 'ЅՏᏚꓢ',
  T: 'ТΤᎢꓔⲦ',
  U: 'Սꓴ∪⋃',
  V: 'ѴᏙꓦ٧۷',
  W: 'ԜᎳꓪ',
  X: 'ХΧꓫⲬⵝ',
  Y: 'УΥҮᎩꓬⲨ',
  Z: 'ΖᏃꓜ',
  '2': 'ᒿƧ',
  '3': 'ЗӠƷⳌ',
  '4': 'Ꮞ',
  '6': 'бᏮⳒ',
  '8': 'Ȣ',
  '9': 'ⳊᲳ',
};

const marks: Readonly<Record<string, string>> = {
  '/': '⁄∕⧸╱⟋᜵⼃',
  '\\': '∖⧵⧹╲⟍﹨',
  '.': '․。｡۔٠۰ꓸ﹒',
  ',': '‚٫ꓹ﹐،',
  '-': '‐‑‒–—―−⁃˗﹘﹣➖',
  _: 'ߺ﹍﹎﹏',
  ':': '∶꞉ː˸։׃﹕',
  ';': '؛﹔',
  '|': '∣⏐❘ǀ￨',
  '*': '∗⁎﹡✱',
  '~': '∼˜〜～⁓',
  '!': 'ǃⵑ﹗',
  '<': '‹˂❮𐅀﹤',
  '>': '›˃❯﹥',
  '=': '꓿⹀᐀゠﹦',
  '+': '᛭➕﹢',
  '&': 'ꝸ﹠',
  $: '﹩',
  '%': '٪﹪',
  '@': '﹫',
  '#': '♯﹟',
  '^': 'ˆ˄',
  '(': '❨﴾﹙',
  ')': '❩﴿﹚',
  '{': '❴﹛',
  '}': '❵﹜',
  '[': '〔',
  ']': '〕',
  "'": '‘’‛′ʹʼʻʽˈ׳´՚',
  '`': '‵ˋ',
  '"': '“”„‟″〃״ʺ˝',
};

const ascii = new Map<string, string>();
for (const [seen, all] of [...Object.entries(letters), ...Object.entries(marks)]) {
  for (const character of all) if (!ascii.has(character)) ascii.set(character, seen);
}

/** The ASCII that a character looks like; undefined for ASCII itself, and for what looks like nothing else. */
export function lookAlike(character: string): string | undefined {
  // Latin-1 has superscripts and the like, which are recognizable.
  if (character <= '\u00ff') return character === '´' ? "'" : undefined;
  return ascii.get(character) ?? variantOf(character);
}

const variants = new Map<string, string | undefined>();

/** The ASCII of which a character is another form: full-width, mathematical, a ligature. */
export function variantOf(character: string): string | undefined {
  if (character <= '\u00ff') return undefined;
  if (!variants.has(character)) {
    const plain = character.normalize('NFKC');
    const isVariant = /^[!-~]$|^[A-Za-z]{2,3}$/.test(plain) && !/^\p{So}$/u.test(character);
    variants.set(character, isVariant ? plain : undefined);
  }
  return variants.get(character);
}

// Line ends and tabs are blanks.
const notSeen = /(?![\t-\r])[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}]/gu;
const blanks = /[\s\p{Z}\u2800]+/gu;

/** Two texts with the same skeleton look the same: blanks, invisible characters and look-alikes make no difference. */
export function skeletonOf(text: string): string {
  const seen = text.replace(notSeen, '').replace(blanks, ' ').trim().normalize('NFC');
  return Array.from(seen, (character) => lookAlike(character) ?? character)
    .join('')
    .replace(/[I1|]/g, 'l')
    .replace(/0/g, 'O')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w');
}

/** The positions, counted from 0, of those that look alike, group by group. */
export function sameLooking(texts: readonly string[]): number[][] {
  const groups = new Map<string, number[]>();
  for (const [index, text] of texts.entries()) {
    const skeleton = skeletonOf(text);
    groups.set(skeleton, [...(groups.get(skeleton) ?? []), index]);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

/** Warnings about options a person could not tell apart, in sentences; options are counted from 1. */
export function alikeWords(labels: readonly string[]): string[] {
  return sameLooking(labels).map((group) => {
    const numbers = group.map((index) => index + 1);
    const which = `Options ${numbers.slice(0, -1).join(', ')} and ${numbers.at(-1)}`;
    const isSame = new Set(group.map((index) => labels[index])).size === 1;
    return isSame ? `${which} have the same text.` : `${which} look alike, but are different.`;
  });
}
