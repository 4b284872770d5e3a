import { describe, expect, test } from 'vitest';
import { checkInput } from './check-input.ts';

type Input = Record<string, unknown>;

const bash = { command: 'touch a', description: 'Make a file' };
const write = { file_path: '/work/a.txt', content: 'a\n' };
const edit = { file_path: '/work/a.txt', old_string: 'a', new_string: 'b', replace_all: false };
const read = { file_path: '/etc/hostname' };
const monitor = { description: 'Watch', timeout_ms: 60_000, command: 'tail -f log' };
const fetch = { url: 'https://example.org/', prompt: 'Sum it up' };
const foreign = { text: 'a', count: 1, flag: true, list: [1], map: { a: 1 }, none: null };

describe('DECIDE-9: an edited call that runs unchanged', () => {
  test.each<[string, Input, Input]>([
    ['Bash', bash, { command: 'touch b' }],
    ['Bash', bash, { ...bash, command: '  printf "a\tb" |\n  cat; echo \u202e\u00ad "é" \u2028\n' }],
    ['Bash', bash, { ...bash, command: `echo ${'x'.repeat(99_000)}` }],
    ['Bash', bash, { ...bash, timeout: 600_000 }],
    ['Bash', bash, { ...bash, timeout: 7_200_000, run_in_background: true }],
    ['Bash', { ...bash, dangerouslyDisableSandbox: true }, { command: 'ls', dangerouslyDisableSandbox: true }],
    ['Bash', { ...bash, dangerouslyDisableSandbox: true }, { command: 'ls', dangerouslyDisableSandbox: false }],
    ['Write', write, { ...write, content: '' }],
    ['Write', write, { ...write, content: 'a\u0000b\r\nc\u001b[2J “q”\n\n' }],
    ['Write', write, { ...write, file_path: '/work/with blanks/e\u0301 ~.txt' }],
    ['Edit', edit, { file_path: '/work/a.txt', old_string: 'a', new_string: '' }],
    ['Read', read, { ...read, offset: 0, limit: 1 }],
    [
      'Monitor',
      monitor,
      { description: 'Watch', timeout_ms: 1_000, ws: { url: 'wss://example.org', protocols: ['a'] } },
    ],
    ['WebFetch', fetch, { ...fetch, url: 'https://example.org/ä?q=1#x' }],
    ['WebSearch', { query: 'ab' }, { query: 'cd', allowed_domains: ['example.org'] }],
    ['NotebookEdit', { notebook_path: '/n.ipynb', new_source: 'a' }, { notebook_path: '/n.ipynb', new_source: 'b' }],
    ['Agent', { description: 'd', prompt: 'p' }, { description: 'd', prompt: 'q', model: 'haiku' }],
    ['mcp__x__y', foreign, { text: '', count: -1.5, flag: false, list: [], map: { b: [] }, none: 'now something' }],
    // Unedited fields are the program's own, whatever they contain.
    ['Bash', { ...bash, timeout: -5, foo: 1 }, { ...bash, command: 'ls', timeout: -5, foo: 1 }],
    ['Write', { ...write, file_path: '~/a/../b' }, { content: 'b', file_path: '~/a/../b' }],
    ['Monitor', { ...monitor, timeout_ms: 3_600_000 }, { ...monitor, command: 'ls', timeout_ms: 3_600_000 }],
  ])('%s (%#)', (toolName, input, edited) => {
    expect(checkInput({ toolName, input }, edited)).toBeUndefined();
  });
});

describe('DECIDE-9: an edited call that would not run unchanged, with its field', () => {
  test.each<[string, Input, Input, string, string]>([
    // The program runs the call that it asked about.
    ['Bash', bash, {}, 'input', 'must not be empty: leave it out to allow the call as it is'],
    ['mcp__x__y', foreign, {}, 'input', 'must not be empty: leave it out to allow the call as it is'],
    // The program refuses it.
    ['Bash', bash, { description: 'only' }, 'input.command', 'is required'],
    ['Bash', bash, write, 'input.command', 'is required'],
    ['Bash', bash, { command: 5 }, 'input.command', 'must be text'],
    ['Bash', bash, { command: null }, 'input.command', 'must be text'],
    ['Bash', bash, { command: ['echo', 'a'] }, 'input.command', 'must be text'],
    ['Bash', bash, { command: { a: 'echo' } }, 'input.command', 'must be text'],
    ['Bash', bash, { ...bash, description: null }, 'input.description', 'must be text'],
    ['Bash', bash, { ...bash, timeout: null }, 'input.timeout', 'must be a number'],
    ['Bash', bash, { ...bash, run_in_background: 'yes' }, 'input.run_in_background', 'must be true or false'],
    ...['\u0000', '\u0008', '\u000b', '\r', '\u001b', '\u007f', '\u0085'].map(
      (hidden): [string, Input, Input, string, string] => [
        'Bash',
        bash,
        { command: `echo a${hidden}b` },
        'input.command',
        'must not contain control characters other than tabs and line feeds',
      ],
    ),
    ['Write', write, { file_path: '/work/a.txt' }, 'input.content', 'is required'],
    ['Write', write, { ...write, content: 5 }, 'input.content', 'must be text'],
    ['Edit', edit, { file_path: '/work/a.txt', old_string: 'a' }, 'input.new_string', 'is required'],
    ['Edit', edit, { ...edit, new_string: 'a' }, 'input.new_string', 'must differ from old_string'],
    ['Read', read, { ...read, limit: 0 }, 'input.limit', 'must be at least 1'],
    ['Read', read, { ...read, offset: 1.5 }, 'input.offset', 'must be a whole number'],
    ['Monitor', monitor, { ...monitor, timeout_ms: 999 }, 'input.timeout_ms', 'must be at least 1000'],
    ['Monitor', monitor, { ...monitor, ws: { url: 'ws://a' } }, 'input', 'must contain either command or ws'],
    [
      'Monitor',
      monitor,
      { ...monitor, command: 'a\rb' },
      'input.command',
      'must not contain control characters other than tabs and line feeds',
    ],
    ['WebFetch', fetch, { ...fetch, url: 'no address' }, 'input.url', 'must be a URL'],
    ['WebFetch', fetch, { ...fetch, offset: -1 }, 'input.offset', 'must be at least 0'],
    ['WebSearch', { query: 'ab' }, { query: 'a' }, 'input.query', 'must be at least 2 characters long'],
    [
      'WebSearch',
      { query: 'ab' },
      { query: 'ab', allowed_domains: 'a.org' },
      'input.allowed_domains',
      'must be a list',
    ],
    ['Bash', bash, { command: 'é'.repeat(50_001) }, 'input.command', 'must be at most 100000 bytes long'],
    // The program ignores it.
    ['Bash', bash, { ...bash, cwd: '/' }, 'input.cwd', 'is not known here'],
    ['Bash', bash, { ...bash, constructor: 1 }, 'input.constructor', 'is not known here'],
    ['Write', write, { ...write, mode: 0o777 }, 'input.mode', 'is not known here'],
    [
      'Agent',
      { description: 'd', prompt: 'p' },
      { description: 'd', prompt: 'p', mode: 'plan' },
      'input.mode',
      'is not known here',
    ],
    // The program turns it into something else.
    ['Bash', bash, { command: ' \n' }, 'input.command', 'must not be empty'],
    ['Bash', bash, { ...bash, timeout: '5000' }, 'input.timeout', 'must be a number'],
    ['Bash', bash, { ...bash, timeout: -5 }, 'input.timeout', 'must be at least 0'],
    ['Bash', bash, { ...bash, timeout: 0 }, 'input.timeout', 'must be at least 0'],
    ['Bash', bash, { ...bash, timeout: 600_001 }, 'input.timeout', 'must be at most 600000 in the foreground'],
    [
      'Bash',
      bash,
      { ...bash, timeout: 7_200_001, run_in_background: true },
      'input.timeout',
      'must be at most 7200000 in the background',
    ],
    ['Edit', edit, { ...edit, replace_all: 'true' }, 'input.replace_all', 'must be true or false'],
    ...[
      'a.txt',
      '~/a.txt',
      '/work/../a.txt',
      '/work/./a.txt',
      '/work//a.txt',
      ' /work/a.txt',
      '/work/a.txt ',
      '/a\u0000b',
      '',
    ].map((path): [string, Input, Input, string, string] => [
      'Write',
      write,
      { ...write, file_path: path },
      'input.file_path',
      'must be an absolute path without “.”, “..” or surrounding whitespace',
    ]),
    ['Monitor', monitor, { ...monitor, timeout_ms: 1_800_001 }, 'input.timeout_ms', 'must be at most 1800000'],
    ['WebFetch', fetch, { ...fetch, url: ' https://example.org/' }, 'input.url', 'must be a URL'],
    // It is not the question that was asked.
    [
      'Bash',
      bash,
      { ...bash, dangerouslyDisableSandbox: true },
      'input.dangerouslyDisableSandbox',
      'cannot be turned on by an answer',
    ],
    [
      'PowerShell',
      { command: 'ls', dangerouslyDisableSandbox: false },
      { command: 'ls', dangerouslyDisableSandbox: true },
      'input.dangerouslyDisableSandbox',
      'cannot be turned on by an answer',
    ],
    // Only the call itself shows what the tool accepts.
    ['mcp__x__y', { text: 'a' }, { text: 5 }, 'input.text', 'must be text'],
    ['mcp__x__y', { text: 'a' }, { text: null }, 'input.text', 'must be text'],
    ['mcp__x__y', foreign, { ...foreign, count: '1' }, 'input.count', 'must be a number'],
    ['mcp__x__y', foreign, { ...foreign, list: { 0: 1 } }, 'input.list', 'must be a list'],
    ['mcp__x__y', foreign, { ...foreign, map: [1] }, 'input.map', 'must be an object'],
    ['mcp__x__y', foreign, { ...foreign, flag: 1 }, 'input.flag', 'must be true or false'],
    ['mcp__x__y', { text: 'a' }, { text: 'a', more: 1 }, 'input.more', 'is not a field of this call'],
    ['mcp__x__y', { text: 'a', more: 1 }, { text: 'b' }, 'input.more', 'is required, because the call has it'],
    ['mcp__x__y', {}, { a: 1 }, 'input.a', 'is not a field of this call'],
    ['toString', { text: 'a' }, { text: 5 }, 'input.text', 'must be text'],
  ])('%s (%#)', (toolName, input, edited, field, message) => {
    expect(checkInput({ toolName, input }, edited)).toEqual({ field, message });
  });
});
