// @ts-check
/**
 * Reads the list in docs/compatibility.md: one bullet, one behaviour. Tests are named in backticks, by their path or by
 * the file's name alone, and may be narrowed to those whose name contains some words: `src/a/b.test.ts > TURN-4`. “The
 * same test” means those of the bullet before. A behaviour without a test says so: “no test: why”, or “by hand”.
 *
 * @typedef {{ file: string, words: string | null }} Guard `words` are part of the test names that are meant; null is
 * all.
 * @typedef {object} Behaviour
 * @property {string} subject The heading it is under.
 * @property {string} text The whole bullet, on one line.
 * @property {number} line Where it starts, from 1.
 * @property {boolean} isOfProgram It is about the SDK or the `claude` program, and so may change with their version.
 * @property {Guard[]} guards
 * @property {string[]} missing Named tests that do not exist.
 * @property {boolean} isUnguarded It says that no test guards it.
 */
const programPart = /Agent SDK|`claude`/;
const programVersion = /\b(?:0\.3|2\.1)\.\d{3}\b/;
const testName = /`([^`\s]*\.test\.tsx?)(?: > ([^`]+))?`/g;
const sameTests = /\bsame tests?\b/i;
const noTest = /\bno test\b|\bby hand\b/i;

/**
 * @param {string} markdown
 * @param {readonly string[]} testFiles All there are, relative to the root.
 * @returns {Behaviour[]}
 */
export function readBehaviours(markdown, testFiles) {
  /** @type {Behaviour[]} */
  const behaviours = [];
  for (const bullet of bulletsOf(markdown)) {
    const named = [...bullet.text.matchAll(testName)].map(([, name = '', words]) => ({
      name,
      words: words ?? null,
      files: testFiles.filter((file) => file === name || file.endsWith(`/${name}`)),
    }));
    const own = named.flatMap(({ files, words }) => files.map((file) => ({ file, words })));
    const before = sameTests.test(bullet.text) ? (behaviours.at(-1)?.guards ?? []) : [];
    behaviours.push({
      subject: bullet.subject,
      text: bullet.text,
      line: bullet.line,
      isOfProgram: programPart.test(bullet.part) || programVersion.test(bullet.text),
      guards: [...own, ...before],
      missing: named.filter(({ files }) => files.length === 0).map(({ name }) => name),
      isUnguarded: noTest.test(bullet.text),
    });
  }
  return behaviours;
}

/** @param {string} markdown */
function bulletsOf(markdown) {
  /** @type {{ part: string, subject: string, text: string, line: number }[]} */
  const bullets = [];
  let part = '';
  let subject = '';
  let isOpen = false;
  for (const [index, line] of markdown.split('\n').entries()) {
    const [, level = '', heading = ''] = /^(#+) (.+)$/.exec(line) ?? [];
    if (level) {
      if (level.length <= 2) part = heading;
      subject = heading;
      isOpen = false;
    } else if (line.startsWith('- ')) {
      bullets.push({ part, subject, text: line.slice(2).trim(), line: index + 1 });
      isOpen = true;
    } else if (isOpen && /^\s+\S/.test(line)) {
      const bullet = bullets.at(-1);
      if (bullet) bullet.text += ` ${line.trim()}`;
    } else isOpen = false;
  }
  return bullets;
}

/**
 * Those that match the words in their heading, text or tests, ignoring case.
 * @param {{ subject: string, text: string }} entry
 * @param {string | undefined} words
 */
export const isMeant = ({ subject, text }, words) =>
  words === undefined || `${subject} ${text}`.toLowerCase().includes(words.toLowerCase());
