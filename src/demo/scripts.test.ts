import { describe, expect, test } from 'vitest';
import { readConversation } from './conversation.ts';
import type { Step } from './reply.ts';
import { parseRequest } from './request.ts';
import { chooseReply } from './scripts.ts';

function reply(typed: string, rest: Record<string, unknown> = {}): { name: string; steps: Step[] } {
  const parsed = parseRequest({ model: 'asked-for', messages: [{ role: 'user', content: typed }], ...rest });
  if (!parsed.ok) throw new Error(parsed.message);
  return chooseReply({ ...readConversation(parsed.request), attempt: 0 });
}

const said = (steps: readonly Step[]): string =>
  steps.map((step) => (step.type === 'text' ? step.pieces.join('') : '')).join('');

test.each([
  ['list the files here', 'list files'],
  ['Please show me all files.', 'list files'],
  ['run: echo hello', 'run'],
  ['call ListAgents: {}', 'call'],
  ['call ListAgents: {', 'anything else'],
  ['start a background task', 'background task'],
  ['start a background task: echo x', 'background task'],
  ['write notes.txt: hello', 'write'],
  ['read notes.txt', 'read'],
  ['edit notes.txt: a => b', 'edit'],
  ['ask me', 'ask me'],
  ['use a sub-agent', 'sub-agent'],
  ['Use a background subagent: run: ls', 'sub-agent'],
  ['plan the work', 'plan the work'],
  ['make a plan', 'make a plan'],
  ['think', 'think'],
  ['stream 10 tokens', 'stream tokens'],
  ['stream 10 tokens at 5 per second', 'stream tokens'],
  ['hold', 'hold'],
  ['hold after a line', 'hold after a line'],
  ['what did I say?', 'remember'],
  ['Suggest a commit message for the changes below.\n\n- modified: a.txt', 'commit message'],
  ['Who are you?', 'who are you'],
  ['fail 401', 'fail'],
  ['fail 529 twice', 'fail'],
  ['fail 529 3 times', 'fail'],
  ['cut the stream', 'cut the stream'],
  ['break the stream', 'break the stream'],
  ['malformed sse', 'malformed sse'],
  ['silence', 'silence'],
  ['warn about the limit', 'rate limit warning'],
  ['[SUGGESTION MODE: what next?]', 'suggestion'],
  ['refuse once', 'refuse'],
  ['max tokens', 'max tokens'],
  ['fail 299', 'anything else'],
  ['good morning', 'anything else'],
])('"%s" is answered by "%s"', (typed, name) => {
  expect(reply(typed).name).toBe(name);
});

test('the model never claims to be real', () => {
  expect(said(reply('who are you').steps)).toContain('scripted demo model');
  expect(said(reply('who are you').steps)).toContain('"asked-for"');
  expect(said(reply('good morning').steps)).toContain('not a real model');
});

test('"run:" uses the command unchanged', () => {
  const command = 'printf "%s\\n"  a.;  echo B!';
  expect(reply(`run: ${command}`).steps.at(-1)).toMatchObject({ type: 'tool', name: 'Bash', input: { command } });
});

test('the answer about files comes from the tool’s result', () => {
  const listing =
    'total 8\ndrwxr-xr-x 2 a a 1 .\ndrwxr-xr-x 2 a a 1 ..\n-rw-r--r-- 1 a a 1 b\ndrwxr-xr-x 2 a a 1 c\nl---------  1 a a 1 d';
  const answered = reply('', {
    messages: [
      { role: 'user', content: 'list the files here' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'Bash', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: listing }] },
    ],
  });
  expect(said(answered.steps)).toBe('I see 3 entries here, one of them a directory.');
});

test('a deferred tool is searched for first', () => {
  const system = 'The following deferred tools are now available. Search:\nTodoWrite\n';
  expect(reply('plan the work', { system }).steps).toEqual([
    { type: 'tool', name: 'ToolSearch', input: { query: 'select:TodoWrite', max_results: 1 } },
  ]);
});

test('a prompt that exceeds the context fails every request that contains it', () => {
  const after = (...texts: string[]) => reply('', { messages: texts.map((content) => ({ role: 'user', content })) });
  expect(after('who are you').name).not.toBe('exceed');
  expect(after('Exceed the context.').name).toBe('exceed');
  const { name, steps } = after('Exceed the context.', 'who are you');
  expect(name).toBe('exceed');
  expect(steps).toMatchObject([{ type: 'fail', status: 400, message: expect.stringContaining('too long') as string }]);
});

describe('the program’s own requests', () => {
  const programSystem = 'x-anthropic-billing-header: cc_version=1;';

  test('get a short text and no script', () => {
    expect(reply('fail 401', { system: programSystem }).name).toBe('side request');
    expect(reply('quota', { max_tokens: 1 }).name).toBe('side request');
  });

  test('get JSON that matches their schema', () => {
    const schema = { type: 'object', properties: { title: { type: 'string' }, sure: { type: 'boolean' } } };
    const answered = reply('list the files here', { output_config: { format: { type: 'json_schema', schema } } });
    expect(JSON.parse(said(answered.steps))).toEqual({ title: 'Demo: list the files here', sure: false });
  });

  test('get a summary that contains what was typed', () => {
    const compaction = 'Your task is to create a detailed summary of the conversation so far.';
    const answered = reply('', {
      messages: [
        { role: 'user', content: 'say "x"' },
        { role: 'assistant', content: 'no' },
        { role: 'user', content: compaction },
      ],
    });
    expect(said(answered.steps)).toContain('<summary>\n- The person said: "say \\"x\\""\n</summary>');
  });
});
