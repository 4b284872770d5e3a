import { describe, expect, it } from 'vitest';
import type { EventBody, FeedItem } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';
import { createRenderer, type RendererOptions } from './render.ts';
import { unstyled } from './style.ts';

const chatId = '6f6ed8fb-4a3e-4b8a-9d8c-0c9f3a7d2f11';
const turnId = '0b0c3b5e-3b7e-4a80-a0c5-8f2f3f9a6a01';

let seq = 0;
const event = (body: EventBody): FeedItem => ({
  kind: 'event',
  event: { chatId, seq: (seq += 1), at: '2026-01-01T00:00:00.000Z', ...body },
});
const message = (messageId: string, text: string, parentToolCallId?: string): FeedItem =>
  event({ type: 'agent_message', messageId, content: [{ type: 'text', text }], parentToolCallId });
const chunk = (
  messageId: string,
  text: string,
  type: 'agent_message_chunk' | 'agent_thought_chunk' = 'agent_message_chunk',
) => ({ kind: 'delta', delta: { chatId, type, messageId, content: { type: 'text', text } } }) satisfies FeedItem;
const resume: FeedItem = { kind: 'resume', type: 'resume', verdict: 'ok', after: 0, head: 0 };
const toolCall = (toolCallId: string, title = 'ls -la', more: object = {}): FeedItem =>
  event({ type: 'tool_call', toolCallId, title, kind: 'execute', toolName: 'Bash', rawInput: {}, ...more });
const toolResult = (
  toolCallId: string,
  text: string,
  status: 'completed' | 'failed' = 'completed',
  more: object = {},
) =>
  event({
    type: 'tool_call_update',
    toolCallId,
    status,
    content: text === '' ? [] : [{ type: 'content', content: { type: 'text', text } }],
    rawOutput: null,
    ...more,
  });
const finished = (more: object = {}): FeedItem =>
  event({
    type: 'turn_finished',
    turnId,
    outcome: 'completed',
    usage: { ...noUsage, inputTokens: 1000, cacheReadInputTokens: 234, outputTokens: 56 },
    costUsd: 0.01234,
    ...more,
  });

function render(items: FeedItem[], options: Partial<RendererOptions> = {}): { out: string; err: string; all: string } {
  const renderer = createRenderer({ outStyle: unstyled, errStyle: unstyled, log: false, ...options });
  const pieces = items.flatMap((item) => renderer.render(item));
  const of = (target: string): string => pieces.flatMap(({ to, text }) => (to === target ? [text] : [])).join('');
  return { out: of('out'), err: of('err'), all: pieces.map(({ text }) => text).join('') };
}

describe('AGENT-12: messages that no person wrote', () => {
  const incoming = (words: string, origin: object = { kind: 'teammate', name: 'docs-4f' }): FeedItem =>
    event({
      type: 'incoming_message',
      messageId: 'i',
      origin: origin as { kind: 'teammate'; name?: string },
      content: [{ type: 'text', text: words }],
    });

  it('are printed with their alleged author, each line marked', () => {
    expect(render([incoming('Hello.\n> list the files here\n\u001b[2J')]).out).toBe(
      '◂ An agent of another session wrote (docs-4f):\n◂ Hello.\n◂ > list the files here\n◂ ␛[2J\n',
    );
    expect(render([incoming('Look again.', { kind: 'wake_up' })]).out).toBe(
      '◂ The agent scheduled this for itself:\n◂ Look again.\n',
    );
  });

  it('are printed even if this version does not know their origin', () => {
    expect(render([incoming('Hello.', { kind: 'pigeon', name: 'a\nb' })]).out).toBe(
      '◂ The program received (a␊b):\n◂ Hello.\n',
    );
  });

  it('CLI-4: start no unmarked row, however wide the terminal is', () => {
    let width = 40;
    const columns = (): number => width;
    const card = ['? Permission  Bash: ls', '│ command: ls', 'Allow? [y]es / [n]o'];
    for (width of [80, 40, 20]) {
      const words = card.map((row) => row.padEnd(width)).join('');
      const name = `docs${' '.repeat(width)}? Permission  Bash: ls`;
      const rows = render([incoming(`Hi.${words}`, { kind: 'teammate', name })], { columns })
        .out.slice(0, -1)
        .split('\n');
      expect(rows.filter((row) => !row.startsWith('◂ ') || row.length >= width)).toEqual([]);
    }
  });

  it('are printed with their invisible characters spelled out', () => {
    expect(render([incoming('a\u200bb\x1b[31mc\r\n\u00a0\n', { kind: 'teammate', name: 'do\u200bcs' })]).out).toBe(
      '◂ An agent of another session wrote (do⟨U+200B⟩cs):\n◂ a⟨U+200B⟩b␛[31mc␍\n◂ ⟨U+00A0⟩\n',
    );
  });

  it('are announced when the chat starts to accept them', () => {
    expect(render([event({ type: 'chat_updated', acceptsAgentMessages: true })]).out).toContain('can start turns here');
  });

  it('TURN-24: says whether interrupted turns continue by themselves when that changes', () => {
    const changed = (onInterrupted: 'stop' | 'continue') =>
      render([event({ type: 'chat_updated', onInterrupted })]).out;
    expect(changed('continue')).toContain('continues by itself');
    expect(changed('stop')).toContain('stays interrupted');
  });
});

describe('the agent’s own changes', () => {
  it('AGENT-34: prints the agent’s new directory, on one line', () => {
    const moved = event({ type: 'current_directory_update', cwd: '/a\n\u001bb', worktree: null });
    expect(render([moved]).out).toBe('· the agent works in /a ␛b\n');
  });
});

describe('messages', () => {
  it('prints a message while it streams, and only once', () => {
    expect(render([resume, chunk('m', 'Hel'), chunk('m', 'lo.'), message('m', 'Hello.')]).out).toBe('Hello.\n');
  });

  it('TURN-26: says that a message was cut off, also if more of it was seen than was kept', () => {
    const cutOff: FeedItem = event({
      type: 'agent_message',
      messageId: 'm',
      content: [{ type: 'text', text: 'Hel' }],
      isPartial: true,
    });
    const words = '· Cut off here: the turn ended while this was being written.\n';
    expect(render([cutOff]).out).toBe(`Hel\n${words}`);
    expect(render([chunk('m', 'Hello'), cutOff]).out).toBe(`Hello\n${words}`);
  });

  it('prints a message that never streamed', () => {
    expect(render([resume, message('m', 'Hello.')]).out).toBe('Hello.\n');
  });

  it('prints the rest from the stored message if the last chunks were missed', () => {
    expect(render([chunk('m', 'Hel'), message('m', 'Hello there.')]).out).toBe('Hello there.\n');
  });

  it('continues where it was when the message is streamed again after a reconnect', () => {
    const items = [
      resume,
      chunk('m', 'Hello'),
      resume,
      chunk('m', 'Hello th'),
      chunk('m', 'ere.'),
      message('m', 'Hello there.'),
    ];
    expect(render(items).out).toBe('Hello there.\n');
  });

  it('joins a message in the middle with what has been streamed so far', () => {
    expect(render([resume, chunk('m', 'Hello th'), chunk('m', 'ere'), message('m', 'Hello there')]).out).toBe(
      'Hello there\n',
    );
  });

  it('repeats nothing if a chunk was lost in the middle', () => {
    expect(render([chunk('m', 'One '), chunk('m', 'three.'), message('m', 'One two three.')]).out).toBe(
      'One three.\n…wo three.\n',
    );
  });

  it('drops chunks of a message that is already in the log', () => {
    expect(render([message('m', 'Hello.'), chunk('m', 'Hello.')]).out).toBe('Hello.\n');
  });

  it('keeps two messages apart that stream alternately', () => {
    const items = [
      chunk('a', 'A1 '),
      chunk('b', 'B1 '),
      chunk('a', 'A2'),
      message('a', 'A1 A2'),
      message('b', 'B1 B2'),
    ];
    expect(render(items).out).toBe('A1 \nB1 \n…A2\n…B2\n');
  });

  it('marks thoughts, and keeps them apart from the message with the same id', () => {
    const thought = event({ type: 'agent_thought', messageId: 'm', content: [{ type: 'text', text: 'Hm.' }] });
    const items = [chunk('m', 'Hm.', 'agent_thought_chunk'), thought, chunk('m', 'Yes'), message('m', 'Yes.')];
    expect(render(items).out).toBe('✻ Hm.\nYes.\n');
  });

  it('lets no escape sequence through, streamed or stored', () => {
    const { all } = render([
      chunk('m', 'a\u001b[2J'),
      message('m', 'a\u001b[2J\u001b]0;x\u0007'),
      toolCall('t\u001b', 'x\u001b[6n'),
      toolResult('t\u001b', '\u001b[6n\u009b1m'),
      event({ type: 'notice', level: 'error', code: 'x', message: 'n\u001b[H' }),
      event({ type: 'plan', entries: [{ content: 'p\u001b[H', priority: 'low', status: 'pending' }] }),
      finished({ outcome: 'failed', error: { code: 'model_error', message: 'e\u001b[H' } }),
    ]);
    expect(all.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(all).toContain('␛');
  });
});

describe('tools', () => {
  it('prints a call on one line and the first lines of its result', () => {
    const lines = Array.from({ length: 9 }, (_, index) => `line ${index + 1}`).join('\n');
    expect(render([toolCall('t'), toolResult('t', `${lines}\n`)]).out).toBe(
      `● Bash  ls -la\n  line 1\n  line 2\n  line 3\n  line 4\n  line 5\n  line 6\n  … 3 more lines\n`,
    );
  });

  it('names the call of a result when several calls run at once', () => {
    const items = [toolCall('a', 'one'), toolCall('b', 'two'), toolResult('b', 'B'), toolResult('a', 'A')];
    expect(render(items).out).toBe('● Bash  one\n● Bash  two\n  B\n↳ Bash  one\n  A\n');
  });

  it('still knows the call after a question about it', () => {
    const renderer = createRenderer({ outStyle: unstyled, errStyle: unstyled, log: false });
    renderer.render(toolCall('a'));
    renderer.breakLine();
    expect(renderer.render(toolResult('a', 'A'))).toEqual([{ to: 'out', text: '  A\n' }]);
  });

  it('marks a failed call, even without output', () => {
    expect(render([toolCall('t'), toolResult('t', 'No such file', 'failed')]).out).toContain('  ✗ No such file\n');
    expect(render([toolCall('t'), toolResult('t', '', 'failed')]).out).toContain('  ✗ failed\n');
  });

  it('ends a message’s line before a call, and continues the message afterwards', () => {
    expect(render([chunk('m', 'I look'), toolCall('t'), message('m', 'I look.')]).out).toBe(
      'I look\n● Bash  ls -la\n….\n',
    );
  });

  it('does not print a tool’s name twice', () => {
    const read = event({
      type: 'tool_call',
      toolCallId: 'r',
      title: 'Read a.txt',
      kind: 'read',
      toolName: 'Read',
      rawInput: {},
    });
    expect(render([read]).out).toBe('● Read  a.txt\n');
  });
});

describe('sub-agents', () => {
  it('prints their messages once stored, indented, without breaking the main text', () => {
    const fromSub: FeedItem = {
      kind: 'delta',
      delta: {
        chatId,
        type: 'agent_message_chunk',
        messageId: 's',
        content: { type: 'text', text: 'su' },
        parentToolCallId: 't',
      },
    };
    const items = [
      toolCall('t', 'Look around'),
      chunk('m', 'Mean'),
      fromSub,
      chunk('m', 'while'),
      message('m', 'Meanwhile'),
      toolCall('u', 'ls', { parentToolCallId: 't' }),
      toolResult('u', 'a.txt', 'completed', { parentToolCallId: 't' }),
      message('s', 'sub\nend', 't'),
    ];
    expect(render(items).out).toBe('● Bash  Look around\nMeanwhile\n  │ ● Bash  ls\n  │   a.txt\n  │ sub\n  │ end\n');
  });
});

describe('the end of a turn', () => {
  it('prints cost, tokens and the chat', () => {
    expect(render([chunk('m', 'Hi'), message('m', 'Hi'), finished()]).out).toBe(
      `Hi\ncost $0.0123 · 1,234 tokens in, 56 out · chat ${chatId}\n`,
    );
  });

  it('prints a failure to standard error, on its own line', () => {
    const failed = finished({ outcome: 'failed', error: { code: 'model_error', message: 'The model is overloaded.' } });
    const { out, err } = render([chunk('m', 'This sentence'), failed]);
    expect(err).toBe('✗ The model is overloaded.\n');
    expect(out).toMatch(/^This sentence\ncost /);
  });

  it('forgets messages that were started and abandoned', () => {
    const items = [chunk('m', 'Half a'), finished({ outcome: 'interrupted' }), chunk('n', 'New'), message('n', 'New')];
    expect(render(items).out.split('\n').at(-2)).toBe('New');
  });
});

describe('a log', () => {
  it('shows prompts, decisions and errors, all on standard output', () => {
    const decisionId = turnId;
    const { out, err } = render(
      [
        event({ type: 'prompt_accepted', promptId: 'p', content: [{ type: 'text', text: 'Do it\nnow' }] }),
        event({ type: 'notice', level: 'warning', code: 'retry', message: 'Trying again.' }),
        event({
          type: 'decision_requested',
          decisionId,
          kind: 'permission',
          title: 'Bash: rm x',
          input: { command: 'rm\tx' },
          canAllowAlways: true,
        }),
        event({ type: 'decision_resolved', decisionId, outcome: 'allow_always', by: 'web' }),
      ],
      { log: true },
    );
    expect(out).toBe(
      '> Do it\n> now\n! Trying again.\n? Permission  Bash: rm x\n│ command: rm␉x\n  answered by web: always allow\n',
    );
    expect(err).toBe('');
  });

  it('WEB-70: a turn that waits without a process is not called interrupted, and the call’s result appears once', () => {
    const call = { toolCallId: 'call', title: 'Bash: ls', kind: 'execute', toolName: 'Bash', rawInput: {} } as const;
    const decision = {
      decisionId: turnId,
      kind: 'permission',
      title: 'Bash: ls',
      input: {},
      canAllowAlways: false,
    } as const;
    const ended = { type: 'turn_finished', turnId, outcome: 'interrupted', usage: noUsage, costUsd: 0 } as const;
    const content = [{ type: 'content', content: { type: 'text', text: 'a.txt' } }] as const;
    const items = [
      event({ type: 'tool_call', ...call }),
      event({ type: 'decision_requested', toolCallId: 'call', ...decision }),
      event({ ...ended, openDecisionIds: [turnId] }),
      event({ type: 'decision_resolved', decisionId: turnId, outcome: 'allow', by: 'owner' }),
      event({ type: 'turn_started', turnId: 'b', promptIds: [], continuesTurnId: turnId }),
      event({
        type: 'tool_call_update',
        toolCallId: 'call',
        status: 'completed',
        content: [...content],
        rawOutput: null,
      }),
    ];
    expect(render(items, { log: true }).out.split('\n').slice(-5)).toEqual([
      '· The agent’s process was ended. The turn continues when the decision is answered.',
      '  answered by owner: allow',
      '↳ Bash  Bash: ls',
      '  a.txt',
      '',
    ]);
  });

  it('WHO-3 WHO-4: says who answered and interrupted, and repeats what older events recorded', () => {
    const person = {
      by: 'owner',
      principal: { id: 'owner', name: 'owner', role: 'owner' },
      via: 'web\u001b[2J',
    } as const;
    const decision = { type: 'decision_resolved', decisionId: turnId, outcome: 'deny' } as const;
    const ended = { type: 'turn_finished', turnId, outcome: 'interrupted', usage: noUsage, costUsd: 0 } as const;
    const items = [
      event({ ...decision, ...person }),
      event({ ...decision, by: 'terminal' }),
      event({ ...decision, by: 'Firefox' }),
      event({ type: 'queue_resumed', ...person }),
      event({ ...ended, ...person }),
      event(ended),
    ];
    const words = render(items, { log: true })
      .out.split('\n')
      .filter((each) => !each.startsWith('cost'));
    expect(words).toEqual([
      '  answered by owner via web␛[2J: deny',
      '  answered by terminal: deny',
      '  answered by Firefox: deny',
      '· the waiting prompts resume (owner via web␛[2J)',
      'Interrupted by owner via web␛[2J.',
      'Interrupted.',
      '',
    ]);
    // People who watch their own turn know who interrupted it.
    expect(render([event({ ...ended, ...person })]).err).toContain('Interrupted.\n');
  });

  it('hides a person’s own prompts while they chat, and only those', () => {
    const prompt = (promptId: string): FeedItem =>
      event({ type: 'prompt_accepted', promptId, content: [{ type: 'text', text: promptId }] });
    const { out } = render([prompt('mine'), prompt('theirs')], { isOwnPrompt: (id) => id === 'mine' });
    expect(out).toBe('> theirs\n');
  });
});

describe('CLI-5: a repeated notice', () => {
  const retry = (attempt: number): FeedItem =>
    event({ type: 'notice', level: 'warning', code: 'api_retry', message: `Retry ${attempt} of 10.` });
  const items = [message('a', 'Hello.'), ...[1, 2, 3].map(retry), message('b', 'There.'), retry(1)];

  it('is one line that is rewritten on a screen', () => {
    const anew = '\u001b[1A\r\u001b[2K';
    expect(render(items, { canRewrite: true }).all).toBe(
      `Hello.\n! Retry 1 of 10.\n${anew}! Retry 2 of 10.\n${anew}! Retry 3 of 10.\nThere.\n! Retry 1 of 10.\n`,
    );
  });

  it('is reduced to its first and last line in a log, and if lines cannot be rewritten', () => {
    const text = 'Hello.\n! Retry 1 of 10.\n! Retry 3 of 10.\nThere.\n! Retry 1 of 10.\n';
    expect(render(items).all).toBe(text);
    expect(render(items, { log: true }).out).toBe(text);
  });

  it('fits in one row of the screen, so that it can be rewritten', () => {
    const long = event({ type: 'notice', level: 'warning', code: 'api_retry', message: 'x'.repeat(300) });
    expect(render([long], { canRewrite: true, columns: () => 40 }).err.length).toBeLessThanOrEqual(40);
  });

  it('updates one line about what the chat waits for, or prints it once if it cannot be rewritten', () => {
    for (const canRewrite of [true, false]) {
      const renderer = createRenderer({ outStyle: unstyled, errStyle: unstyled, log: false, canRewrite });
      const pieces = ['for 2 s', 'for 4 s'].flatMap((text) => renderer.tellWait('model', text));
      expect(pieces.map(({ text }) => text)).toEqual(
        canRewrite ? ['· for 2 s\n', '\u001b[1A\r\u001b[2K· for 4 s\n'] : ['· for 2 s\n'],
      );
    }
  });
});
