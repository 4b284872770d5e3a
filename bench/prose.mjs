/** Words in three scripts, some far more often than others; the same in every run. */
let state = 1;
const random = () => (state = (Math.imul(state, 48271) >>> 0) % 2147483647) / 2147483647;
const letters = ['abcdefghijklmnoprstuvw', 'абвгдежзиклмнопрст', '灯台海岸船夜明波風空'];
const vocabularies = letters.map((alphabet) =>
  Array.from({ length: 6000 }, () =>
    Array.from({ length: 2 + Math.floor(random() * 8) }, () => alphabet[Math.floor(random() * alphabet.length)]).join(
      '',
    ),
  ),
);
export function prose(count) {
  const vocabulary = vocabularies[Math.floor(random() ** 3 * 3)];
  return Array.from({ length: count }, () => vocabulary[Math.floor(random() ** 2 * vocabulary.length)]).join(' ');
}
