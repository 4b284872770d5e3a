// The demo model is only useful if the real program accepts it as the API.
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CanUseTool,
  type Options,
  query,
  type SDKMessage,
  type SDKUserMessage,
} from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPushable } from '../lib/pushable.ts';
import { type DemoModel, startDemoModel } from './demo-model.ts';

let model: DemoModel;
let root: string;
let cwd: string;

beforeEach(async () => {
  model = await startDemoModel({ apiKey: 'demo key' });
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-demo-')));
  cwd = join(root, 'workspace');
  await mkdir(join(cwd, 'directory'), { recursive: true });
  await mkdir(join(root, 'home'));
  await writeFile(join(cwd, 'file.txt'), 'hello\n');
});

afterEach(async () => {
  await model.close();
  await rm(root, { recursive: true, force: true });
});

type Result = Extract<SDKMessage, { type: 'result' }>;

interface Played {
  frames: SDKMessage[];
  results: Result[];
  asked: { tool: string; input: Record<string, unknown> }[];
}

/** Sends the prompts one after another, each after the previous result. */
async function play(prompts: string[], answer: 'allow' | 'deny' = 'allow', options: Options = {}): Promise<Played> {
  const played: Played = { frames: [], results: [], asked: [] };
  const input = createPushable<SDKUserMessage>();
  const canUseTool: CanUseTool = (tool, toolInput) => {
    played.asked.push({ tool, input: toolInput });
    return Promise.resolve(
      answer === 'allow' ? { behavior: 'allow', updatedInput: toolInput } : { behavior: 'deny', message: 'Not now.' },
    );
  };
  const next = (): void => {
    const content = prompts[played.results.length];
    if (content === undefined) input.close();
    else input.push({ type: 'user', parent_tool_use_id: null, message: { role: 'user', content } });
  };
  const abortController = new AbortController();
  const limit = setTimeout(() => abortController.abort(), 25_000);
  next();
  const running = query({
    prompt: input.iterable,
    options: {
      cwd,
      canUseTool,
      abortController,
      permissionMode: 'default',
      settingSources: ['user'],
      includePartialMessages: true,
      ...options,
      env: {
        PATH: process.env['PATH'],
        HOME: join(root, 'home'),
        CLAUDE_CONFIG_DIR: join(root, 'home', '.claude'),
        ANTHROPIC_BASE_URL: model.url,
        ANTHROPIC_API_KEY: 'demo key',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        CLAUDE_CODE_MAX_RETRIES: '1',
        DISABLE_AUTOUPDATER: '1',
        IS_SANDBOX: '1',
        ...options.env,
      },
    },
  });
  try {
    for await (const frame of running) {
      played.frames.push(frame);
      if (frame.type !== 'result') continue;
      played.results.push(frame);
      next();
    }
  } finally {
    clearTimeout(limit);
    running.close();
  }
  return played;
}

const textOf = (result: Result | undefined): string => (result?.subtype === 'success' ? result.result : '');

describe('the real program', () => {
  test('streams a text, remembers the previous turn, and calculates a cost', async () => {
    const { frames, results } = await play(['stream 20 tokens', 'what did I say']);
    const pieces = frames.flatMap((frame) =>
      frame.type === 'stream_event' &&
      frame.event.type === 'content_block_delta' &&
      frame.event.delta.type === 'text_delta'
        ? [frame.event.delta.text]
        : [],
    );
    expect(pieces.slice(0, 20).join('')).toBe(textOf(results[0]));
    expect(textOf(results[1])).toBe('You said: "stream 20 tokens".');
    expect(results[0]?.total_cost_usd).toBeGreaterThan(0);
    expect(results[1]?.total_cost_usd).toBeGreaterThan(results[0]?.total_cost_usd ?? Infinity);
    expect(results[1]?.usage.cache_read_input_tokens).toBeGreaterThan(0);
  });

  test('asks before it lists the files, and really lists them', async () => {
    const { asked, results } = await play(['list the files here']);
    expect(asked).toMatchObject([{ tool: 'Bash', input: { command: 'env ls -la' } }]);
    expect(textOf(results[0])).toBe('I see 2 entries here, one of them a directory.');
  });

  test('does not run a denied command', async () => {
    const { asked, results } = await play(['run: touch made.txt'], 'deny');
    expect(asked).toHaveLength(1);
    expect(textOf(results[0])).toContain('did not go through');
    await expect(readFile(join(cwd, 'made.txt'))).rejects.toThrow('ENOENT');
  });

  test('writes and edits real files', async () => {
    const { asked } = await play(['write notes.txt: hello there', 'edit notes.txt: hello => goodbye']);
    expect(asked.map(({ tool }) => tool)).toEqual(['Write', 'Edit']);
    expect(await readFile(join(cwd, 'notes.txt'), 'utf8')).toBe('goodbye there\n');
  });

  test('runs a sub-agent, whose requests the model answers too', async () => {
    const { frames, results } = await play(['use a sub-agent: run: cat file.txt']);
    expect(frames.some((frame) => frame.type === 'assistant' && frame.parent_tool_use_id !== null)).toBe(true);
    expect(textOf(results[0])).toBe('The sub-agent said:\n\nIt printed:\n\nhello');
  });

  test('works through a list, asks a question, and presents a plan', async () => {
    const list = await play(['plan the work', 'ask me'], 'allow', { model: 'claude-haiku-4-5' });
    expect(list.results.map(textOf)).toEqual(['The list is done.', expect.stringContaining('I got this answer')]);
    expect(list.asked.map(({ tool }) => tool)).toEqual(['AskUserQuestion']);
    const plan = await play(['make a plan'], 'allow', { permissionMode: 'plan' });
    expect(plan.asked).toMatchObject([{ tool: 'ExitPlanMode', input: { plan: expect.stringContaining('# Plan') } }]);
  });

  test('handles API errors, and retries when it should', async () => {
    const { frames, results } = await play(['fail 400', 'fail 529 once', 'cut the stream once', 'stream 2 tokens']);
    expect(results.map((result) => result.is_error)).toEqual([true, false, false, false]);
    expect(results[0]).toMatchObject({ api_error_status: 400 });
    expect(frames.filter((frame) => frame.type === 'system' && frame.subtype === 'api_retry')).toHaveLength(2);
  });

  test('remembers what was said after a compaction', async () => {
    const { frames, results } = await play(['stream 2 tokens', '/compact', 'what did I say']);
    expect(frames.some((frame) => frame.type === 'system' && frame.subtype === 'compact_boundary')).toBe(true);
    expect(textOf(results.at(-1))).toBe('You said: "stream 2 tokens".');
  });

  test('cannot use the model with another key', async () => {
    // The program exits with an error when its last turn failed.
    const turn = play(['who are you'], 'allow', { env: { ANTHROPIC_API_KEY: 'another' } });
    await expect(turn).rejects.toThrow('Invalid API key');
    expect(model.requests.length).toBeGreaterThan(0);
    expect(model.requests.every((request) => request.script === null)).toBe(true);
  });
});
