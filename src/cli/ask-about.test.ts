import { expect, it } from 'vitest';
import { createFakeTerminal } from '../../test/support/fake-terminal.ts';
import { until } from '../../test/support/until.ts';
import { askAbout, type Matter } from './ask-about.ts';

const matter: Matter<string> = {
  rows: () => Array.from({ length: 40 }, (_, index) => `│ ${index + 1}`),
  question: 'Allow? ',
  read: (typed) => typed,
  early: { key: 'n', means: 'no', read: () => undefined },
  again: 'Again.',
};

it.each([[['all']], [['', '']]])('CLI-4: ignores what was typed ahead after %j', async (pages) => {
  const lines: string[] = [];
  const fake = createFakeTerminal({ lines, isInteractive: true, size: { columns: 80, rows: 20 } });
  const withdraw = new AbortController();
  const answer = askAbout(
    {
      ...fake,
      // The person keeps typing while the next rows are being printed.
      ask(question, signal) {
        if (pages.length > 0) lines.push(pages.shift() ?? '', ...(pages.length === 0 ? ['y'] : []));
        return fake.ask(question, signal);
      },
      forgetTyped: () => Promise.resolve(lines.splice(0).length > 0),
    },
    matter,
    withdraw.signal,
  );
  await until(() => fake.asking === 'Allow? ');
  const rows = fake.stdout.replaceAll('\u001b[?7h', '').split('\n');
  expect(rows.slice(-4)).toEqual(['│ 40', '· Earlier input was ignored.', '-- all 40 rows were shown --', 'Allow? ']);
  withdraw.abort();
  expect(await answer).toBeUndefined();
});
