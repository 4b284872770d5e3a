// The frame of `npm run bench`. What it measures needs minutes and idle cores, and is no test.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { printedReport } from '../bench/report.mjs';

const root = join(import.meta.dirname, '..');
const bench = (...args: string[]) =>
  spawnSync(process.execPath, ['bench/bench.mjs', ...args], { cwd: root, encoding: 'utf8', timeout: 60_000 });

test('CLI-24: the sections are listed, and a wrong name or build is refused in one sentence', () => {
  const { stdout, status } = bench('--list');
  expect(status).toBe(0);
  for (const name of ['turns', 'engines', 'two-hosts', 'start', 'first-chat']) {
    expect(stdout).toMatch(new RegExp(`^${name} +\\S`, 'm'));
  }
  expect(bench('--only', 'turns,bogus')).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^--only: there is no section bogus\. There are .*turns.*\.\n$/) as string,
  });
  expect(bench('--against', root + '/src')).toMatchObject({
    status: 1,
    stderr: `--against: ${root}/src has no built dist/.\n`,
  });
});

test('CLI-24: the report has the median of every contestant, and says which goals are reached', () => {
  const made = {
    date: '2026-01-02',
    node: '20',
    sdk: '1',
    platform: 'linux x64',
    cores: 2,
    rounds: 3,
    loadBefore: 1,
    loadAfter: 2,
    against: 'abcd1234',
  };
  const what = 'A turn';
  const rows = [
    { what, who: 'BooCode', unit: 'ms', samples: [3, 1, 2] },
    { what, who: 'before', unit: 'ms', samples: [400, 200, 300] },
  ];
  const goals = [
    { what: 'now / before', measured: 0.01, limit: 0.5, atMost: true },
    { what: 'before / now', measured: 150, limit: 200, atMost: false },
    { what: 'worth knowing', measured: 1.234, limit: null, atMost: true },
  ];
  const text = printedReport([{ name: 'one', title: 'One', made, rows, goals }]);
  expect(text).toContain('`npm run bench -- --only one --rounds 3 --against DIR`');
  expect(text).toContain('“Before” is commit abcd1234.');
  const cells = text.split('\n').map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .filter(Boolean),
  );
  expect(cells).toContainEqual(['A turn', 'BooCode', '2.0 ms', '2.8 ms']);
  expect(cells).toContainEqual(['before', '300 ms', '380 ms']);
  expect(cells).toContainEqual(['now / before', '0.01', '≤ 0.5', 'yes']);
  expect(cells).toContainEqual(['before / now', '150', '≥ 200', 'no']);
  expect(cells).toContainEqual(['worth knowing', '1.23']);
});
