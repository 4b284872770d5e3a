/** Of clients: what people type, what a server answers, addresses and texts that a page shows. */
import fc from 'fast-check';
import { readChoice, readPermission } from '../../src/cli/decision-text.ts';
import { PasteReader } from '../../src/cli/paste-reader.ts';
import { plainLine, plainText } from '../../src/cli/plain-text.ts';
import { durationMs, timeAt, timeIn } from '../../src/cli/schedule-time.ts';
import { readExpires } from '../../src/cli/tokens.ts';
import { feedItems } from '../../src/client/feed-stream.ts';
import { exactLines } from '../../src/protocol/exact-text.ts';
import { isMarked, seqOf } from '../../src/protocol/log-cursor.ts';
import { pageLink } from '../../src/protocol/page-link.ts';
import { cronWords } from '../../src/web/text/cron-words.ts';
import { patchLines } from '../../src/web/text/patch-lines.ts';
import { readableLine } from '../../src/web/text/readable.ts';
import { safeUrl } from '../../src/web/text/safe-url.ts';
import { splitBlocks } from '../../src/web/text/split-blocks.ts';
import { wordMarks } from '../../src/web/text/word-marks.ts';
import { openPersistentMap } from '../../src/web/state/persistent-map.ts';
import { parseRoute } from '../../src/web/ui/parts/route.ts';
import { memoryStorage } from '../support/memory-storage.ts';
import { anything } from './json-schema.ts';
import { refusable, type Target, target, text, wordsOf } from './target.ts';

const now = new Date('2026-06-01T12:00:00Z');
const times = wordsOf(
  '1d',
  '90s',
  '999999d',
  '09:00',
  '24:61',
  '2026-02-30',
  ' ',
  'T',
  '2026-01-01',
  '10:00:00.5',
  'Z',
  '+01:00',
  '-',
  '0',
);
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/; // eslint-disable-line no-control-regex
const markdown = wordsOf(
  '# ',
  '```',
  '\n',
  '- ',
  '> ',
  '|',
  '**',
  '[a](javascript:b)',
  '<script>',
  '~~~',
  '\t',
  '`',
  '$',
);

export const clientTargets: Target[] = [
  target('times that people type', times, (given) => {
    durationMs(given);
    for (const read of [() => timeIn(given, now), () => timeAt(given, now), () => readExpires(given)]) refusable(read);
  }),
  target(
    'answers that people type',
    fc.tuple(wordsOf('1', ',', ' ', '99', 'y', 'always', 'no', '__proto__'), fc.boolean()),
    ([typed, multiSelect]) => {
      readPermission(typed, { canAllow: true });
      readChoice(
        { question: 'q', header: 'h', multiSelect, options: [{ label: 'a', description: '' }] } as never,
        typed,
      );
    },
  ),
  target(
    'keys and pastes of a terminal',
    fc.array(
      wordsOf('\x1b[200~', '\x1b[201~', '\x1b', '[20', '\r', '\x03', '€').map((each) => Buffer.from(each)),
      { maxLength: 4 },
    ),
    (pieces) => {
      const reader = new PasteReader({ onKeys() {}, onPaste() {} });
      for (const piece of pieces) reader.push(piece);
      reader.close();
    },
  ),
  target('texts that a terminal prints', text, (value) => {
    if (controls.test(plainText(value)) || /[\r\n]/.test(plainLine(value)))
      throw new Error('A control character was printed.');
    exactLines(value);
    readableLine(value);
  }),
  target(
    'events of a feed',
    fc.tuple(
      wordsOf('event: event\n', 'data: {}\n', 'data: ', '\n', 'id: 1\n', ': \n', '{"seq":1}', 'retry: 9\n'),
      fc.nat(),
    ),
    ([all, at]) => {
      const bytes = Buffer.from(all);
      const read = feedItems();
      const cut = at % (bytes.length + 1);
      for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
        try {
          for (const item of read(piece)) void item;
        } catch (error) {
          // The connection is opened again.
          if (!(error instanceof SyntaxError)) throw error;
        }
      }
    },
  ),
  target('cursors of a log', wordsOf('0', '12', '-', 'a', '9007199254740993'), (cursor) => {
    isMarked(cursor);
    seqOf(cursor);
  }),
  target(
    'addresses that a page links to',
    wordsOf('https://', 'javascript:', 'a@', 'example.org', '//', '\t', ':1', '[::1]', '%', 'data:'),
    (address) => {
      const link = pageLink(address);
      const safe = safeUrl(address);
      if (safe !== undefined && /^\s*(javascript|data):/i.test(safe)) throw new Error(safe);
      if (link && !/^https?:\/\//.test(link.href)) throw new Error(link.href);
    },
  ),
  target(
    'routes of the page',
    wordsOf('#/chat/', '11111111-1111-4111-8111-111111111111', '/changes', '#/people', '#/attempts/', '..'),
    parseRoute,
  ),
  target(
    'patches in results of tools',
    fc.oneof(
      anything,
      fc.record({
        structuredPatch: fc.oneof(
          anything,
          fc.array(
            fc.record({
              oldStart: fc.oneof(fc.integer(), anything),
              newStart: fc.integer(),
              lines: fc.oneof(anything, fc.array(wordsOf('+', '-', ' ', '\\'), { maxLength: 4 })),
            }),
            { maxLength: 3 },
          ),
        ),
      }),
    ),
    patchLines,
  ),
  target(
    'what a tab has stored',
    fc.dictionary(
      wordsOf('p.', '000000000001.', 'name', '__proto__'),
      fc.oneof(
        text,
        anything.map((value) => JSON.stringify(value) ?? ''),
      ),
      { maxKeys: 4 },
    ),
    (stored) => {
      const storage = memoryStorage(100_000);
      for (const [name, value] of Object.entries(stored)) storage.setItem(name, value);
      openPersistentMap(storage, 'p.', { maxChars: 1_000, isValid: () => true }).set('name', { a: 1 });
    },
  ),
  target('Markdown of agents', markdown, (value) => {
    if (splitBlocks(value).join('').replaceAll(/\s/g, '') !== value.replaceAll(/\s/g, ''))
      throw new Error('A block is missing.');
  }),
  target('times of a schedule in words', wordsOf('*', '/', '5', ',', '-', ' ', '0', '99', 'MON'), cronWords),
  target('lines that are compared word by word', fc.tuple(text, text), ([before, after]) => wordMarks(before, after)),
];
