import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const ruleNumber =
  /\b(?:LOG|FENCE|HOST|PROMPT|TURN|DECIDE|AGENT|STORE|TRANSCRIPT|ACCESS|DATA|CLI|FLIP|FORK|ROUTE|PTY|TERM|WEB|TRUST|WHO|DEPLOY|SCALE|PROOF|BACKUP|CHANGE|BRANCH|REWIND|ASIDE|SCHEDULE|USAGE|BUDGET|PEOPLE|SUPPLY|NET|QUOTA|FUZZ|AUDIT|SHARE|SANDBOX|ROOT|SECRET|SESSION|OIDC|PASSKEY)-\d+\b/g;

const rules = [...readFileSync(join(root, 'SPEC.md'), 'utf8').matchAll(/^- \*\*([A-Z]+-\d+)\*\*/gm)].map(
  ([, rule]) => rule ?? '',
);

/** The rule numbers in names of tests: in the string after test(, it( or describe…(, also after .each(names). */
function citedIn(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const names = [
    ...text.matchAll(/\b(?:test|it|describe\w*)(?:\.\w+)*(?:\([^'"`]*\))?\(\s*(['"`])((?:\\.|(?!\1).)*)\1/gs),
  ];
  return names.flatMap(([, , name]) => name?.match(ruleNumber) ?? []);
}

const testFiles = ['src', 'test'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && (file.endsWith('.test.ts') || file.startsWith('contract/')))
    .map((file) => join(root, folder, file)),
);
const cited = new Set(testFiles.flatMap(citedIn));

test('every rule has a unique number', () => {
  expect(rules.length).toBeGreaterThan(30);
  expect(rules.filter((rule, index) => rules.indexOf(rule) !== index)).toEqual([]);
});

test('every rule is cited by a test', () => {
  expect(rules.filter((rule) => !cited.has(rule))).toEqual([]);
});

test('every number that a test cites is in SPEC.md', () => {
  expect([...cited].filter((number) => !rules.includes(number))).toEqual([]);
});
