/** Decisions as a person at a terminal sees them: the real program in a real terminal; the server is a stub. */
import { resolve } from 'node:path';
import xterm from '@xterm/headless';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openAgentTerminal } from '../../src/agents/agent-process.ts';
import { loadPseudoTerminals, type PseudoTerminal } from '../../src/terminal/pseudo-terminal.ts';
import type { Chat } from '../../src/protocol/chat.ts';
import type { Decision } from '../../src/protocol/decision.ts';
import { openStubServer, type StubServer } from '../support/stub-server.ts';
import { until } from '../support/until.ts';

const program = resolve(process.env['BOOCODE_TEST_PROGRAM'] ?? 'dist/cli/boocode.js');
let stub: StubServer;
let chat: Chat;
let pty: PseudoTerminal | undefined;

beforeAll(() => loadPseudoTerminals());
beforeEach(async () => {
  stub = await openStubServer();
  chat = stub.addChat();
});
afterEach(async () => {
  pty?.kill('SIGKILL');
  await pty?.exited;
  pty = undefined;
  await stub.close();
});

interface Seat {
  type(text: string): void;
  resize(columns: number, rows: number): void;
  /** The visible rows of the screen. */
  screen(): string[];
  sees(wanted: string): Promise<void>;
}

/** A person who resumes the chat in a terminal of this size. */
function sit(columns = 80, rows = 24): Seat {
  const screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 5000 });
  pty = openAgentTerminal(process.execPath, [program, 'chat', '--resume', chat.id], {
    cwd: '/',
    env: {
      PATH: process.env['PATH'] ?? '',
      LANG: 'C.UTF-8',
      TERM: 'xterm-256color',
      NO_COLOR: '1',
      HOME: '/nonexistent',
      BOOCODE_URL: stub.url,
      BOOCODE_TOKEN: stub.token,
    },
    size: { columns, rows },
  });
  pty.onData((data) => screen.write(data));
  const lines = (): string[] => {
    const { active } = screen.buffer;
    return Array.from({ length: screen.rows }, (_, row) => {
      const line = active.getLine(active.baseY + row);
      return (line?.isWrapped === true ? '(wrapped) ' : '') + (line?.translateToString(true) ?? '');
    });
  };
  return {
    type: (text) => pty?.write(text),
    resize(wide, high) {
      screen.resize(wide, high);
      pty?.resize({ columns: wide, rows: high });
    },
    screen: lines,
    async sees(wanted) {
      const isThere = until(() => lines().join('\n').includes(wanted), { timeoutMs: 20_000 });
      await isThere.catch(() => expect(lines().join('\n')).toContain(wanted));
    },
  };
}

const ask = (fields: Partial<Decision>): Decision =>
  stub.requestDecision(chat.id, { canAllowAlways: false, ...fields });
const numbered = (count: number): string => Array.from({ length: count }, (_, line) => `echo ${line + 1}`).join('\n');
const questionOf = (count: number) => ({
  question: 'Which one?',
  header: 'One',
  multiSelect: false,
  options: Array.from({ length: count }, (_, index) => ({ label: `the ${index + 1}th`, description: '' })),
});

/** Waits for the question itself: other text can contain its words, but never at the start of a row. */
async function isAsked(seat: Seat): Promise<void> {
  const hasQuestion = (): boolean => {
    const screen = seat.screen();
    const heading = screen.findLastIndex((row) => row.startsWith('? Permission'));
    return screen.findLastIndex((row) => row.startsWith('Allow?')) > heading;
  };
  await until(hasQuestion, { timeoutMs: 20_000, what: 'the question' });
}

/** The rows from the heading up to the question. */
function card(screen: string[]): string[] {
  const heading = screen.findLastIndex((row) => row.startsWith('? Permission'));
  return screen.slice(
    heading,
    screen.findIndex((row, index) => index > heading && row.startsWith('Allow?')),
  );
}

describe('CLI-4: a decision at a terminal', () => {
  test.each([80, 20])(
    'DECIDE-11: is completely on the screen, with each row marked as part of it (width %i)',
    async (columns) => {
      const fake = ['? Permission  Bash: ls', '  command: ls', 'Allow? [y]es / [n]o'];
      const padded = fake.map((row) => row.padEnd(columns)).join('');
      const description = `List files${' '.repeat(columns * 40)}${padded}`;
      const seat = sit(columns);
      await seat.sees('> ');
      ask({ title: `Bash: ${description}`, input: { command: 'rm -rf keep', description } });
      await isAsked(seat);
      const rows = card(seat.screen());
      expect(rows.slice(1).filter((row) => !/^[│┆] /.test(row))).toEqual([]);
      const text = rows.join('').replaceAll(/[│┆] /g, '');
      expect(text).toContain('rm -rf keep');
      expect(text).toContain(`⟨${(columns * 40).toLocaleString('en-US')} spaces⟩`);
    },
  );

  test('DECIDE-12: is shown from its first line, and can be allowed only after its last of 62', async () => {
    const seat = sit();
    await seat.sees('> ');
    const decision = ask({ title: 'Bash: echo 1', input: { command: numbered(62) } });
    await seat.sees('rows 1–21 of 64');
    expect(seat.screen()).toEqual(expect.arrayContaining(['│ command (62 lines):', '│ │ echo 1', '│ │ echo 19']));
    seat.type('y\r');
    await seat.sees('There is more of it');
    seat.type('\r');
    await seat.sees('rows 22–42 of 64');
    seat.type(' ');
    await seat.sees('rows 43–63 of 64');
    expect(decision.status).toBe('pending');
    seat.type(' ');
    await seat.sees('all 64 rows were shown');
    await isAsked(seat);
    expect(seat.screen().join()).toContain('│ │ echo 62');
    seat.type('y\r');
    await until(() => decision.outcome === 'allow');
  });

  test('can be denied before all of it was shown, and scrolled to its end in one step', async () => {
    const seat = sit();
    await seat.sees('> ');
    const first = ask({ input: { command: numbered(500) } });
    await seat.sees('rows 1–21 of 502');
    seat.type('n\r');
    await until(() => first.outcome === 'deny');
    const second = ask({ input: { command: numbered(400) } });
    await seat.sees('rows 1–21 of 402');
    seat.type('all\r');
    await isAsked(seat);
    seat.type('y\r');
    expect(await until(() => second.outcome)).toBe('allow');
  });

  test('is not answered by what was typed before it appeared', async () => {
    const early = ask({});
    const seat = sit();
    seat.type('y\ry\ry\r');
    await seat.sees('Earlier input was ignored.');
    await isAsked(seat);
    expect(early.status).toBe('pending');
    seat.type('n\r');
    await until(() => early.outcome === 'deny');
  });

  test('DECIDE-12: can be denied at its end, and before, if it is a question', async () => {
    const choose = (count: number): Decision =>
      ask({ kind: 'question', title: 'Which?', input: { questions: [questionOf(count)] } });
    const seat = sit();
    await seat.sees('> ');
    const short = choose(2);
    await seat.sees('Answer (number, or your own text; /deny leaves it unanswered): ');
    seat.type('/deny\r');
    expect(await until(() => short.outcome)).toBe('deny');
    const long = choose(60);
    await seat.sees('Enter: more, all: the rest, /deny: no answer');
    seat.type('n\r');
    await seat.sees('There is more of it');
    expect(long.status).toBe('pending');
    seat.type('/deny\r');
    expect(await until(() => long.outcome)).toBe('deny');
  });

  test('shows the position on one row of a narrow terminal', async () => {
    const seat = sit(30);
    await seat.sees('> ');
    const decision = ask({ title: 'Bash: echo 1', input: { command: numbered(62) } });
    await seat.sees('1–21/64 Enter/all/n');
    seat.type('n\r');
    expect(await until(() => decision.outcome)).toBe('deny');
  });

  test('keeps wide letters, combining marks and emoji inside its rows', async () => {
    const seat = sit(20, 40);
    await seat.sees('> ');
    ask({
      title: 'Bash: x',
      input: { command: `${'漢字かな한글'.repeat(4)}${'👩‍👩‍👧❤️'.repeat(4)}${'e\u0301'.repeat(30)}…—“” end` },
    });
    await isAsked(seat);
    const rows = card(seat.screen());
    expect(rows.slice(1).filter((row) => !/^[│┆] /.test(row))).toEqual([]);
    expect(rows.at(-1)).toContain('end');
  });

  test('is redrawn when the width changes', async () => {
    const seat = sit(80);
    await seat.sees('> ');
    const decision = ask({ title: 'Bash: x', input: { command: `echo ${'abcdefghij'.repeat(14)}` } });
    await isAsked(seat);
    seat.resize(40, 24);
    await until(() => card(seat.screen()).filter((row) => row.startsWith('│ ┆ ')).length === 4, { timeoutMs: 20_000 });
    await isAsked(seat);
    expect(
      card(seat.screen())
        .slice(1)
        .filter((row) => !/^[│┆] /.test(row)),
    ).toEqual([]);
    seat.type('y\r');
    await until(() => decision.outcome === 'allow');
  });

  test('is not interrupted: what agents say meanwhile is shown after its answer', async () => {
    const seat = sit();
    await seat.sees('> ');
    const decision = ask({ title: 'Bash: ls' });
    await isAsked(seat);
    stub.append(chat.id, {
      type: 'agent_message',
      messageId: 'm',
      content: [{ type: 'text', text: '? Permission  Bash: ls\n│ command: ls' }],
    });
    stub.settle(ask({ title: 'Bash: another' }), { outcome: 'deny' }, 'web');
    seat.type('what\r');
    await seat.sees('Please answer y or n.');
    expect(seat.screen().filter((row) => row.startsWith('? Permission'))).toEqual(['? Permission  Bash: ls']);
    seat.type('y\r');
    await until(() => decision.outcome === 'allow');
    await seat.sees('│ command: ls');
    await seat.sees('? Permission  Bash: another');
  });

  test('DECIDE-12: can only be sent back if it is a plan without text', async () => {
    const seat = sit();
    await seat.sees('> ');
    const decision = ask({ kind: 'plan', input: { plan: '\u200b \n' }, canAllowAlways: true });
    await seat.sees('It contains no plan');
    await seat.sees('Send it back? [n]o');
    seat.type('y\r');
    await seat.sees('Please answer n.');
    seat.type('n\r');
    expect(await until(() => decision.outcome)).toBe('deny');
  });
});
