import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeInput } from '../../test/support/fake-terminal.ts';
import { createGate } from '../../test/support/gate.ts';
import { type StartedCommand, startCommand } from '../../test/support/start-command.ts';
import { openStubServer, type StubServer } from '../../test/support/stub-server.ts';
import { until } from '../../test/support/until.ts';
import type { Chat } from '../protocol/chat.ts';
import type { EventBody } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';

let stub: StubServer;
beforeEach(async () => (stub = await openStubServer()));
afterEach(() => stub.close());

const start = (words: string[], input?: FakeInput, env?: NodeJS.ProcessEnv): StartedCommand =>
  startCommand(stub, words, input, env);

async function run(words: string[], input?: FakeInput, env?: NodeJS.ProcessEnv) {
  const { terminal, exitCode } = start(words, input, env);
  return { code: await exitCode, out: terminal.stdout, err: terminal.stderr };
}

const turnId = '0b0c3b5e-3b7e-4a80-a0c5-8f2f3f9a6a01';
const message = (messageId: string, text: string): EventBody => ({
  type: 'agent_message',
  messageId,
  content: [{ type: 'text', text }],
});
const finished = (outcome: 'completed' | 'interrupted' | 'failed' = 'completed'): EventBody => ({
  type: 'turn_finished',
  turnId,
  outcome,
  usage: { ...noUsage, inputTokens: 1234, outputTokens: 56 },
  costUsd: 0.0123,
  ...(outcome === 'failed' ? { error: { code: 'model_error', message: 'The model is overloaded.' } } : {}),
});

/** What the stub's agent does with every prompt, once someone follows the chat. */
function onTurn(work: (chatId: string, promptId: string) => void | Promise<void>): void {
  stub.onPrompt = (chatId, promptId) => {
    const started = until(() => stub.readers(chatId) > 0).then(() => {
      stub.append(chatId, { type: 'turn_started', turnId, promptIds: [promptId] });
      return work(chatId, promptId);
    });
    stub.inBackground(started);
  };
}

const settledBy = (chatId: string) => until(() => stub.decisions.find((d) => d.chatId === chatId && d.by !== null));

describe('chat', () => {
  it('shows a whole turn and exits with 0', async () => {
    onTurn(async (chatId) => {
      stub.stream(chatId, { type: 'agent_message_chunk', messageId: 'm', content: { type: 'text', text: 'I will ' } });
      stub.append(chatId, message('m', 'I will look.'));
      stub.append(chatId, {
        type: 'tool_call',
        toolCallId: 't',
        title: 'ls',
        kind: 'execute',
        toolName: 'Bash',
        rawInput: {},
      });
      stub.requestDecision(chatId, { input: { command: 'ls\u001b[2J' } });
      await settledBy(chatId);
      stub.append(chatId, {
        type: 'tool_call_update',
        toolCallId: 't',
        status: 'completed',
        content: [{ type: 'content', content: { type: 'text', text: 'a.txt' } }],
        rawOutput: null,
      });
      stub.append(chatId, message('n', 'One file.'));
      stub.append(chatId, finished());
    });
    const { code, out, err } = await run(['chat', 'list', 'files'], { lines: ['what?', 'y'] });
    const [chat] = stub.chats;
    expect(chat).toMatchObject({ cwd: process.cwd() });
    expect(out).toBe(
      [
        'I will look.',
        '● Bash  ls',
        '? Permission  Bash: ls',
        '│ command: ls␛[2J',
        'Allow? [y]es / [a]lways / [n]o what?',
        'Allow? [y]es / [a]lways / [n]o y',
        '  a.txt',
        'One file.',
        `cost $0.0123 · 1,234 tokens in, 56 out · chat ${chat?.id}`,
        '',
      ].join('\n'),
    );
    expect(err).toBe('Please answer y, a or n.\n');
    expect(stub.decisions[0]).toMatchObject({ outcome: 'allow', by: 'owner', via: 'cli' });
    expect(code).toBe(0);
  });

  it('AGENT-36: creates the chat with the given effort', async () => {
    onTurn((chatId) => void stub.append(chatId, finished()));
    await run(['chat', '--effort', 'high', 'go']);
    expect(stub.chats[0]).toMatchObject({ effort: 'high' });
  });

  it('CLI-5: says what the chat waits for, once, while nothing comes', async () => {
    const since = new Date(Date.now() - 65_000).toISOString();
    onTurn((chatId) => {
      Object.assign(stub.chats[0]!, { waitsFor: { for: 'tool', since, what: 'make \u001b[2J', retry: null } });
      setTimeout(() => stub.append(chatId, finished()), 5_500);
    });
    const { err } = await run(['chat', 'go']);
    expect(err).toMatch(/^· A tool has been running for 1 min \d+ s: make ␛\[2J\n$/);
    const { out } = await run(['ls']);
    expect(out).toMatch(/cold \(tool 1 min \d+ s\)/);
  });

  it('does not offer “always” if it would not be remembered', async () => {
    onTurn(async (chatId) => {
      stub.requestDecision(chatId, { canAllowAlways: false });
      await settledBy(chatId);
      stub.append(chatId, finished());
    });
    const { out, err } = await run(['chat', 'go'], { lines: ['a', 'n'] });
    expect(out).toContain('Allow? [y]es / [n]o a\n');
    expect(err).toBe('Please answer y or n.\n');
    expect(stub.decisions[0]).toMatchObject({ outcome: 'deny' });
  });

  it('withdraws a question that someone else answers', async () => {
    onTurn(async (chatId) => {
      stub.requestDecision(chatId, {});
      await settledBy(chatId);
      stub.append(chatId, finished());
    });
    const { terminal, exitCode } = start(['chat', 'go']);
    await until(() => terminal.asking);
    stub.settle(stub.decisions[0]!, { outcome: 'deny' }, 'web');
    expect(await exitCode).toBe(0);
    expect(terminal.asking).toBeUndefined();
    expect(terminal.stdout).toContain('  answered by owner via web: deny\n');
    expect(stub.requests.filter((request) => request.startsWith('POST /v1/decisions'))).toEqual([]);
  });

  it('reports the winning answer when another one was faster', async () => {
    onTurn(async (chatId) => {
      stub.requestDecision(chatId, {});
      await until(() => stub.requests.some((request) => request.startsWith('POST /v1/decisions')));
      stub.append(chatId, finished());
    });
    const pending = start(['chat', 'go']);
    pending.terminal.ask = () => {
      // Settled on the server, but its event has not arrived yet.
      Object.assign(stub.decisions[0]!, { status: 'resolved', outcome: 'allow', by: 'owner', via: 'web' });
      return Promise.resolve({ kind: 'line', text: 'n' });
    };
    await pending.exitCode;
    expect(pending.terminal.stdout).toContain('  answered by owner via web: allow\n');
  });

  it('asks again when its answer did not get through, and still notices another one', async () => {
    stub.refuseAnswers = 1;
    onTurn(async (chatId) => {
      stub.requestDecision(chatId, {});
      await settledBy(chatId);
      stub.append(chatId, finished());
    });
    const { terminal, exitCode } = start(['chat', 'go'], { lines: ['y'] });
    await until(() => terminal.asking);
    expect(terminal.stderr).toBe('! Not now.\n');
    stub.settle(stub.decisions[0]!, { outcome: 'deny' }, 'web');
    expect(await exitCode).toBe(0);
    expect(terminal.stdout).toContain('  answered by owner via web: deny\n');
  });

  it('CLI-11: leaves a decision pending when the input has ended, says how to answer it, and exits with 3', async () => {
    onTurn(async (chatId) => {
      stub.requestDecision(chatId, {});
      await settledBy(chatId);
      stub.append(chatId, finished());
    });
    const { terminal, exitCode } = start(['chat', 'go'], { lines: [null] });
    expect(await exitCode).toBe(3);
    const [decision] = stub.decisions;
    expect(terminal.stderr).toContain(`boocode decide ${decision?.id} allow (or deny)`);
    expect(decision?.status).toBe('pending');
    expect((await run(['decide', decision!.id.slice(0, 8), 'always'])).code).toBe(0);
    expect(decision).toMatchObject({ outcome: 'allow_always', by: 'owner', via: 'cli' });
  });

  it('asks an agent’s questions and sends the answers with the input', async () => {
    const questions = [
      {
        question: 'Which colour?',
        header: 'Colour',
        options: [{ label: 'Green', description: '' }],
        multiSelect: false,
      },
      { question: 'Why?', header: '', options: [], multiSelect: false },
    ];
    onTurn(async (chatId) => {
      stub.requestDecision(chatId, { kind: 'question', input: { questions } });
      await settledBy(chatId);
      stub.append(chatId, finished());
    });
    await run(['chat', 'go'], { lines: ['7', '1', 'end'] });
    expect(stub.decisions[0]).toMatchObject({
      outcome: 'allow',
      input: { questions, answers: { 'Which colour?': 'Green', 'Why?': 'end' } },
    });
  });

  it('DECIDE-12: a form that cannot be filled in can be declined before all of it was shown', async () => {
    const message = Array.from({ length: 60 }, (_, line) => `line ${line}`).join('\n');
    onTurn(async (chatId) => {
      const input = { serverName: 'travel', mode: 'form', message, requestedSchema: { type: 'array' } };
      stub.requestDecision(chatId, { kind: 'form', input });
      await settledBy(chatId);
      stub.append(chatId, finished());
    });
    const { terminal, exitCode } = start(['chat', 'go'], { lines: ['n', 'y'], isInteractive: true });
    await exitCode;
    expect(terminal.stdout).toContain('Enter: more, all: the rest, y: decline ');
    expect(terminal.stdout).not.toContain('line 59');
    expect(stub.decisions[0]).toMatchObject({ outcome: 'deny' });
  });

  it('DECIDE-8: asks for a form’s values field by field, asks again for invalid ones, and sends what was typed', async () => {
    const requestedSchema = {
      type: 'object',
      properties: {
        email: { type: 'string', format: 'email', title: 'Your address' },
        seats: { type: 'integer', maximum: 4, default: 2 },
        window: { type: 'boolean' },
        meal: { type: 'string', enum: ['v', 'f'], enumNames: ['Vegetables', 'Fish'] },
        extras: { type: 'array', items: { type: 'string', enum: ['bag', 'bike'] } },
        password: { type: 'string' },
      },
      required: ['email'],
    };
    onTurn(async (chatId) => {
      const input = { serverName: 'travel\u202e', mode: 'form', message: 'Allow?\u001b[2J', requestedSchema };
      stub.requestDecision(chatId, { kind: 'form', canAllowAlways: false, input });
      await settledBy(chatId);
      stub.append(chatId, finished());
    });
    const lines = ['y', '', 'nobody', 'a@b.example', '5', '', 'n', '3', '2', '1, 2', '', 'y'];
    const { out, err } = await run(['chat', 'go'], { lines });
    expect(stub.decisions[0]).toMatchObject({
      outcome: 'allow',
      input: { email: 'a@b.example', seats: 2, window: false, meal: 'f', extras: ['bag', 'bike'] },
    });
    expect(stub.decisions[0]!.input).not.toHaveProperty('password');
    expect(err).toContain(
      'Your address: is required.\nYour address: must be an email address.\nseats: must be at most 4.\n',
    );
    expect(err).toContain('meal: must be the number of a choice.\n');
    expect(out).toContain('An MCP server asks this, not BooCode and not the agent.');
    expect(out).toContain('│ travel⟨U+202E⟩\n');
    expect(out).toContain('│ Allow?␛[2J');
    expect(out).toContain('This looks like a password or a key.');
  });

  it('DECIDE-8: asks for a pending form’s values at a terminal, and takes them from --input in a script', async () => {
    const chat = stub.addChat();
    const requestedSchema = { type: 'object', properties: { seats: { type: 'integer' } }, required: ['seats'] };
    const input = { serverName: 's', mode: 'form', message: 'm', requestedSchema };
    const [one, two] = [1, 2].map(() => stub.requestDecision(chat.id, { kind: 'form', input }).id);
    expect((await run(['decide', one!])).out).toContain('seats  (required, a whole number)');
    expect((await run(['decide', one!, 'allow'], { lines: ['x', '3'], isInteractive: true })).code).toBe(0);
    expect(stub.decisions[0]).toMatchObject({ outcome: 'allow', input: { seats: 3 } });
    expect((await run(['decide', two!, 'allow', '--input', '{"seats": 4}', '--json'])).code).toBe(0);
    expect(stub.decisions[1]).toMatchObject({ outcome: 'allow', input: { seats: 4 } });
  });

  it('DECIDE-8: shows where a page leads, and accepts or declines', async () => {
    onTurn(async (chatId) => {
      for (const url of ['https://ex\u0430mple.com/a', 'javascript:void(0)']) {
        stub.requestDecision(chatId, { kind: 'form', input: { serverName: 's', mode: 'url', message: 'Go', url } });
      }
      await until(() => stub.decisions.length === 2 && stub.decisions.every(({ by }) => by !== null));
      stub.append(chatId, finished());
    });
    const { out } = await run(['chat', 'go'], { lines: ['y', 'n'] });
    expect(stub.decisions.map(({ outcome }) => outcome)).toEqual(['allow', 'deny']);
    expect(out).toContain('host: xn--exmple-4nf.com');
    expect(out).toContain('not a plain address of a web page');
  });

  it('asks what was already pending when it resumes a chat', async () => {
    const chat = stub.addChat();
    stub.requestDecision(chat.id, {});
    onTurn(async (chatId) => {
      await settledBy(chatId);
      stub.append(chatId, finished());
    });
    const { code } = await run(['chat', '--resume', chat.id.slice(0, 8), '--title', 'New', 'go'], { lines: ['y'] });
    expect(code).toBe(0);
    expect(chat.title).toBe('New');
    expect(stub.decisions[0]).toMatchObject({ outcome: 'allow' });
  });

  it('AGENT-11: turns agent messages on and off in a chat, and only with the flag', async () => {
    const chat = stub.addChat();
    onTurn((chatId) => void stub.append(chatId, finished()));
    const resume = (...flags: string[]) => run(['chat', '--resume', chat.id, ...flags, 'go']);
    await resume('--accept-agent-messages');
    expect(chat.acceptsAgentMessages).toBe(true);
    await resume('--title', 'New');
    expect(chat.acceptsAgentMessages).toBe(true);
    await resume('--no-accept-agent-messages');
    expect(chat.acceptsAgentMessages).toBe(false);
    await run(['chat', '--accept-agent-messages', 'go']);
    await run(['chat', 'go']);
    expect(stub.chats.slice(1).map((each) => each.acceptsAgentMessages)).toEqual([true, false]);
  });

  it('TURN-24: has interrupted turns of a chat continue or stop, and only with the flag', async () => {
    const chat = stub.addChat();
    onTurn((chatId) => void stub.append(chatId, finished()));
    const resume = (...flags: string[]) => run(['chat', '--resume', chat.id, ...flags, 'go']);
    await resume('--on-interrupted', 'continue');
    expect(chat.onInterrupted).toBe('continue');
    await resume('--title', 'New');
    expect(chat.onInterrupted).toBe('continue');
    await resume('--on-interrupted', 'stop');
    expect(chat.onInterrupted).toBe('stop');
    await run(['chat', '--on-interrupted', 'continue', 'go']);
    expect(stub.chats[0]!.onInterrupted).toBe('continue');
    expect((await run(['chat', '--on-interrupted', 'retry', 'go'])).code).not.toBe(0);
  });

  it('CLI-27: gives a chat an idle limit of its own or that of the server, and only with the flag', async () => {
    const chat = stub.addChat();
    onTurn((chatId) => void stub.append(chatId, finished()));
    const resume = (...flags: string[]) => run(['chat', '--resume', chat.id, ...flags, 'go']);
    await resume('--idle-seconds', '90');
    expect(chat.idleSeconds).toBe(90);
    await resume('--title', 'New');
    expect(chat.idleSeconds).toBe(90);
    await resume('--idle-seconds', 'default');
    expect(chat.idleSeconds).toBeNull();
    expect((await run(['chat', '--idle-seconds', '1h', 'go'])).err).toContain('whole number of seconds, or default');
  });

  it('HOST-15: pins a chat, and only with the flag', async () => {
    const chat = stub.addChat();
    onTurn((chatId) => void stub.append(chatId, finished()));
    const resume = (...flags: string[]) => run(['chat', '--resume', chat.id, ...flags, 'go']);
    await resume('--pin', 'box');
    expect(chat.host).toBe('box');
    await resume('--title', 'New');
    expect(chat.host).toBe('box');
    await run(['chat', '--pin', 'box', 'go']);
    expect(stub.chats.find(({ id }) => id !== chat.id)?.host).toBe('box');
    expect((await run(['unpin', chat.id])).out).toBe(`Chat ${chat.id} runs on any host; it was pinned to box.\n`);
    expect(chat.host).toBeNull();
    expect((await run(['unpin', chat.id])).out).toBe(`Chat ${chat.id} is not pinned.\n`);
    await run(['pin', chat.id, '1111']);
    expect(chat.host).toBe('old\u001bbox');
    expect((await run(['pin', chat.id, 'attic'])).err).toContain("There is no host 'attic': see `boocode hosts`.");
  });

  it('prints nothing twice when the connection breaks in the middle of a message', async () => {
    onTurn(async (chatId) => {
      const stream = (text: string): void =>
        stub.stream(chatId, { type: 'agent_message_chunk', messageId: 'm', content: { type: 'text', text } });
      stream('One ');
      await until(() => terminal.stdout === 'One ');
      stub.dropFeeds();
      await until(() => stub.readers(chatId) === 1);
      stream('two ');
      await until(() => terminal.stdout.endsWith('two '));
      stub.append(chatId, message('m', 'One two three.'));
      stub.append(chatId, finished());
    });
    const { terminal, exitCode } = start(['chat', 'go']);
    expect(await exitCode).toBe(0);
    expect(terminal.stdout).toMatch(/^One \n…two three\.\ncost /);
    expect(terminal.stderr).toMatch(/Retrying …\n· Connected again\.\n$/);
  });

  it('exits with 1 when the turn failed, and says why', async () => {
    onTurn((chatId) => void stub.append(chatId, finished('failed')));
    const { code, err } = await run(['chat', 'go']);
    expect(code).toBe(1);
    expect(err).toBe('✗ The model is overloaded.\n');
  });

  it('interrupts the turn at the first Ctrl-C and exits with 130', async () => {
    onTurn(() => {});
    stub.onInterrupt = (chatId) => stub.append(chatId, finished('interrupted'));
    const { terminal, exitCode } = start(['chat', 'go']);
    await until(() => stub.chats[0]?.head === 2);
    terminal.press();
    expect(await exitCode).toBe(130);
    expect(terminal.stderr).toContain('Interrupted.\n');
  });

  it('exits at the second Ctrl-C, whatever the turn does', async () => {
    onTurn((chatId) => void stub.requestDecision(chatId, {}));
    const { terminal, exitCode } = start(['chat', 'go']);
    await until(() => terminal.asking);
    terminal.press();
    await until(() => stub.requests.some((request) => request.endsWith('/interrupt')));
    terminal.press();
    expect(await exitCode).toBe(130);
    expect(terminal.stderr).toContain(`boocode chat --resume ${stub.chats[0]?.id}`);
  });

  it('WEB-73: warms the chat while the first prompt is typed, and does not mind if that fails', async () => {
    const isWarmed = () => stub.requests.some((request) => request.endsWith('/warm'));
    onTurn((chatId) => void stub.append(chatId, finished()));
    expect([(await run(['chat', 'go'])).code, isWarmed()]).toEqual([0, false]);
    const { code, err } = await run(['chat'], { isInteractive: true, lines: ['one', null] });
    expect([code, err, isWarmed()]).toEqual([0, '', true]);
  });

  it('reads the prompt from standard input when that is not a terminal', async () => {
    onTurn((chatId) => void stub.append(chatId, finished()));
    const { code } = await run(['chat'], { all: 'from a pipe\n\n' });
    expect(code).toBe(0);
    const { out } = await run(['show', stub.chats[0]!.id]);
    expect(out).toMatch(/^> from a pipe\ncost /);
    const [first = ''] = (await run(['show', stub.chats[0]!.id, '--json'])).out.split('\n');
    expect(JSON.parse(first)).toMatchObject({ content: [{ type: 'text', text: 'from a pipe' }] });
  });

  it('runs turn after turn at a terminal until the input ends', async () => {
    onTurn((chatId) => {
      stub.append(chatId, message(`m${stub.chats[0]?.head}`, 'Yes.'));
      stub.append(chatId, finished());
    });
    const { code, out } = await run(['chat'], { isInteractive: true, lines: ['one', ' ', 'two', null] });
    expect(code).toBe(0);
    expect(out.match(/^> .*$/gm)).toEqual(['> one', '>  ', '> two', '> ']);
    expect(out.match(/^Yes\.$/gm)).toHaveLength(2);
  });

  it('LOG-18: says that the log is shown from its beginning, and ends when that has no such prompt', async () => {
    onTurn(async (chatId) => {
      stub.append(chatId, message('m', 'The first history.'));
      await until(() => terminal.stdout.includes('The first history.'));
      stub.replaceLog(chatId, [message('m', 'Another history.')]);
    });
    const { terminal, exitCode } = start(['chat', 'go']);
    expect(await exitCode).toBe(1);
    expect(terminal.stdout).toContain('Another history.');
    expect(terminal.stderr).toContain('The log has changed on the server; it is shown from its beginning.');
    expect(terminal.stderr).toMatch(/error: The server’s history was replaced by one without this prompt\.\n$/);
  });

  it('LOG-18: waits on when the log that has replaced the other one has the prompt', async () => {
    onTurn((chatId, promptId) => {
      stub.replaceLog(chatId, [{ type: 'prompt_accepted', promptId, content: [{ type: 'text', text: 'go' }] }]);
      stub.append(chatId, { type: 'turn_started', turnId, promptIds: [promptId] });
      stub.append(chatId, finished());
    });
    expect((await run(['chat', 'go'])).code).toBe(0);
  });

  it('ends with one sentence when the chat was deleted', async () => {
    onTurn(() => {
      stub.chats.length = 0;
      stub.dropFeeds();
    });
    const { code, err } = await run(['chat', 'go']);
    expect(code).toBe(1);
    expect(err).toMatch(/error: The chat does not exist\.\n$/);
  });
});

describe('send', () => {
  it('prints the receipt, and the same one when the prompt is sent again', async () => {
    const chat = stub.addChat();
    const first = await run(['send', chat.id, 'hello', 'you', '--id', 'p1', '--json']);
    expect(JSON.parse(first.out)).toEqual({ promptId: 'p1', chatId: chat.id, seq: 1 });
    expect((await run(['send', chat.id, 'hello', 'you', '--id', 'p1', '--json'])).out).toBe(first.out);
    expect(first.err).toBe('');
  });

  it('LOG-18: ends when the prompt that it waits for is no longer in the log', async () => {
    onTurn((chatId) => stub.replaceLog(chatId, [message('m', 'Another history.'), message('n', 'More.')]));
    const { code, err } = await run(['send', stub.addChat().id, 'go', '--wait']);
    expect(code).toBe(1);
    expect(err).toMatch(/error: The server’s history was replaced by one without this prompt\.\n$/);
  });

  it.each([
    ['completed', 0],
    ['failed', 1],
    ['interrupted', 130],
  ] as const)('waits for the end of the turn (%s)', async (outcome, code) => {
    const chat = stub.addChat();
    onTurn((chatId) => void stub.append(chatId, finished(outcome)));
    const ended = await run(['send', chat.id, 'hello', '--wait']);
    expect(ended.code).toBe(code);
    expect(ended.out).toContain(`${outcome} · cost $0.0123`);
  });
});

describe('ls, show, interrupt', () => {
  it('CLI-13: lists the chats as plain lines and as JSON', async () => {
    const chat = stub.addChat({
      title: 'evil\u001b[2J\nname',
      state: 'waiting',
      cwd: '/nonexistent/work',
      costUsd: 1.5,
    });
    const { out } = await run(['ls']);
    const [head, line] = out.split('\n');
    expect(head).toMatch(/^ID +STATE +BACKEND +TITLE +DIRECTORY +COST +AGE$/);
    expect(line).toMatch(
      new RegExp(`^${chat.id.slice(0, 8)}  waiting  claude_sdk  evil␛\\[2J name  ~/work +\\$1\\.5000  \\d+d$`),
    );
    expect(JSON.parse((await run(['ls', '--json'])).out)).toEqual([chat]);
  });

  it('BUDGET-12: shows and sets budgets, and says what is wrong before a server is asked', async () => {
    const shared = (await run(['budget'])).out.split('\n');
    expect(shared[1]).toMatch(/^all chats, today +\$1\.25 +any amount +-/);
    expect(shared[2]).toMatch(/^all chats, ever +\$42\.00 +\$40\.00 +\$0\.00 +by the settings of the server/);
    expect((await run(['budget', 'set', '20', '--day'])).out).toMatch(
      /today +\$1\.25 +\$20\.00 +\$18\.75 +instead of the/,
    );
    expect(JSON.parse((await run(['budget', 'clear', '--server', '--json'])).out)).toMatchObject({
      day: { limitUsd: 20 },
      server: { limitUsd: null },
    });
    expect(stub.budgets).toEqual({ dayUsd: 20, serverUsd: 'default' });
    await run(['budget', 'set', 'none', '--server']);
    expect(stub.budgets).toEqual({ dayUsd: 20, serverUsd: null });
    const chat = stub.addChat({ costUsd: 0.5, budgetUsd: null });
    expect((await run(['budget', 'set', '2.50', '--chat', chat.id])).out).toMatch(/\$0\.50 +\$2\.50 +\$2\.00/);
    expect((await run(['budget', chat.id, '--json'])).out).toContain('2.5');
    const before = stub.requests.length;
    for (const words of [
      ['set', '0', '--day'],
      ['set', 'much', '--day'],
      ['set', '5'],
      ['set', '5', '--day', '--server'],
      ['clear'],
    ]) {
      expect((await run(['budget', ...words])).err).toMatch(/amount in US dollars|Say which budget/);
    }
    expect((await run(['chat', '--budget', 'all', 'hi'])).err).toMatch(/amount in US dollars, such as 5 or 2.50/);
    expect(stub.requests.length).toBe(before);
  });

  it('HOST-1: lists the hosts with their load, as plain lines and as JSON', async () => {
    const { out } = await run(['hosts']);
    const [head, first, second] = out.split('\n');
    expect(head).toMatch(/^ID +STATE +NAME +ADDRESS +CHATS +WARM +FREE MEMORY +VERSION +UP FOR +WORKSPACES$/);
    expect(first).toMatch(
      /^00000000  up +box +http:\/\/10\.0\.0\.5:4127  3 +2 +2\.5 of 8\.0 GB  0\.0\.0 +\d+d +\/home\/a$/,
    );
    expect(second).toMatch(/^11111111  unknown  old␛box  - +0 +0 +- +0\.0\.0 +\d+d +-$/);
    expect(JSON.parse((await run(['hosts', '--json'])).out)).toHaveLength(2);
  });

  it('HOST-22: names the hosts of chats only if another one holds some, or one is pinned', async () => {
    stub.addChat({ holder: { id: '00000000-0000-4000-8000-000000000000', name: 'here' } });
    expect((await run(['ls'])).out).not.toMatch(/HOST|here/);
    stub.addChat({ holder: { id: '11111111-0000-4000-8000-000000000000', name: 'the\u001bre' } });
    stub.addChat({ host: 'desk' });
    const lines = (await run(['ls'])).out.split('\n');
    expect(lines[0]).toMatch(/^ID +STATE +HOST +BACKEND/);
    expect(lines.slice(1, 4).join()).toMatch(/cold +desk \(pinned\) .*,.* the␛re .*,.* here /);
    stub.chats.splice(
      0,
      3,
      stub.chats.find((chat) => chat.host !== null)!,
    );
    expect((await run(['ls'])).out).toMatch(/^ID +STATE +HOST/);
  });

  it('AGENT-34: shows where an agent works if that is not its chat’s directory', async () => {
    stub.addChat({ cwd: '/nonexistent/work', currentDirectory: '/nonexistent/work/s\u001bub' });
    expect((await run(['ls'])).out).toContain(' ~/work (in s␛ub) ');
  });

  it('WEB-63: marks chats that wait for a person without a decision', async () => {
    const since = new Date().toISOString();
    const hold = { reason: 'usage_limit', message: 'x', since } as Chat['hold'];
    stub.addChat({ state: 'cold', hold });
    stub.addChat({ state: 'running', waitsFor: { for: 'person', since, what: 'A dialog.', retry: null } });
    const { out } = await run(['ls']);
    expect(out).toContain('cold (held)');
    expect(out).toMatch(/running \(person \d+ s\)/);
  });

  it('lists archived chats only with --archived or --all', async () => {
    const chat = stub.addChat();
    const away = stub.addChat({ archived: true });
    const listed = async (...flags: string[]): Promise<string[]> =>
      (JSON.parse((await run(['ls', '--json', ...flags])).out) as { id: string }[]).map(({ id }) => id);
    expect(await listed()).toEqual([chat.id]);
    expect(await listed('--archived')).toEqual([away.id]);
    expect(await listed('--all')).toEqual([away.id, chat.id]);
    stub.chats.length = 0;
    expect((await run(['ls', '--archived'])).err).toBe('No chats are archived.\n');
  });

  it('shows the log as text and as JSON lines', async () => {
    const chat = stub.addChat();
    stub.append(chat.id, { type: 'prompt_accepted', promptId: 'p', content: [{ type: 'text', text: 'Hi' }] });
    stub.append(chat.id, message('m', 'Hello.'));
    expect((await run(['show', chat.id])).out).toBe('> Hi\nHello.\n');
    const lines = (await run(['show', chat.id, '--json'])).out.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual([1, 2]);
  });

  it('follows the log until the chat is deleted', async () => {
    const chat = stub.addChat();
    stub.append(chat.id, message('m', 'Hello.'));
    const { terminal, exitCode } = start(['show', '--follow', chat.id]);
    await until(() => stub.readers(chat.id) === 1);
    stub.append(chat.id, message('n', 'More.'));
    await until(() => terminal.stdout === 'Hello.\nMore.\n');
    stub.chats.length = 0;
    stub.dropFeeds();
    expect(await exitCode).toBe(1);
  });

  it('PROMPT-6: resumes held prompts and says how many; waiting for a held prompt ends with its own exit code', async () => {
    const hold: NonNullable<Chat['hold']> = {
      reason: 'billing',
      message: 'No credit.',
      since: new Date(0).toISOString(),
      resetsAt: null,
      resumesAt: null,
      promptId: 'p1',
      sendsAgain: true,
    };
    const chat = stub.addChat({ hold, waiting: 2 });
    const sent = await run(['send', chat.id, 'hello', '--wait']);
    expect(sent.code).toBe(75);
    expect(sent.err).toContain(`No credit.\nResume with: boocode resume ${chat.id.slice(0, 8)}`);
    expect((await run(['chat', '--resume', chat.id, 'hello'])).code).toBe(75);
    expect((await run(['resume', chat.id])).out).toBe('3 prompts resume, the failed one first.\n');
    expect((await run(['resume', chat.id])).out).toBe('Nothing is held in this chat.\n');
  });

  it('USAGE-20 USAGE-21: says until when a chat is parked, and what resuming does', async () => {
    const facts = { reason: 'usage_limit', message: 'Five hours.', promptId: 'p1', sendsAgain: false } as const;
    const at = { since: '2030-01-01T12:00:00Z', resetsAt: '2030-01-01T15:00:00Z', resumesAt: null };
    const chat = stub.addChat({ hold: { ...facts, ...at, continues: true } });
    expect((await run(['ls'])).out).toMatch(/\(limit until .*2030.*\)/);
    expect((await run(['send', chat.id, 'go', '--wait'])).err).toMatch(
      /^· The chat is parked, and prompts wait\. Five hours\. The limit resets at .*2030.*\.\nResume with: boocode resume \S+ \(with --at-reset: by itself at the reset\)/m,
    );
    expect((await run(['resume', chat.id])).out).toBe('The stopped turn continues.\n');
  });

  it('USAGE-20: says after the reset that the limit has reset', async () => {
    const facts = { reason: 'usage_limit', message: 'Five hours.', promptId: null, sendsAgain: false } as const;
    const hold = { ...facts, since: '2020-01-01T12:00:00Z', resetsAt: '2020-01-01T15:00:00Z', resumesAt: null };
    const chat = stub.addChat({ hold });
    expect((await run(['ls'])).out).toContain('(parked, limit has reset)');
    expect((await run(['send', chat.id, 'go', '--wait'])).err).toMatch(
      /^· The chat is parked until it is resumed\. Five hours\. The limit has reset at .*2020.*\.\nResume with: boocode resume \S{8}$/m,
    );
    chat.hold = { ...hold, resumesAt: hold.resetsAt };
    expect((await run(['resume', chat.id, '--at-reset'])).out).toMatch(/resets\. It goes on now\.\n$/);
  });

  it('USAGE-22: lets a chat go on by itself at a reset, or not', async () => {
    const chat = stub.addChat();
    const [on, off] = ['goes on by itself when a usage limit resets', 'waits for a person after a usage limit'];
    expect((await run(['resume', chat.id, '--at-reset'])).out).toBe(`The chat ${on}.\n`);
    expect(stub.chats[0]!.resumeAtReset).toBe(true);
    expect((await run(['resume', chat.id, '--no-at-reset'])).out).toBe(`The chat ${off}.\n`);
    expect(stub.chats[0]!.resumeAtReset).toBe(false);
    expect(JSON.parse((await run(['resume', chat.id, '--at-reset', '--json'])).out)).toMatchObject({
      resumeAtReset: true,
    });
  });

  it('USAGE-23: shows after the log what the next prompt costs before it says anything', async () => {
    const chat = stub.addChat();
    stub.wakeCost = {
      model: 'm',
      contextTokens: 120_000,
      sentAt: null,
      cache: { state: 'unknown', endsAt: null },
      costUsd: 0.45,
      noPrice: null,
    };
    expect((await run(['show', chat.id])).out).toBe('· The next prompt sends 120k tokens again, about $0.45.\n');
    expect((await run(['show', chat.id, '--json'])).out).toBe('');
    const words = '· The next prompt sends 120k tokens again, about $0.45.\n';
    const talk = () => run(['chat', '--resume', chat.id], { lines: [null], isInteractive: true });
    expect((await talk()).err).toBe(words);
    // A chat that is warm, or whose context is small, is not worth a line.
    chat.state = 'ready';
    expect((await talk()).err).toBe('');
    chat.state = 'cold';
    stub.wakeCost.contextTokens = 19_999;
    expect((await talk()).err).toBe('');
    stub.wakeCost.contextTokens = 120_000;
    expect((await run(['chat', '--resume', chat.id, '/btw', 'why?'])).err).toBe('');
  });

  it('USAGE-25: shows how much of the plan is used, where an account tells it', async () => {
    expect(await run(['limits'])).toMatchObject({
      out: '',
      err: expect.stringContaining('Nothing is known yet') as string,
    });
    const facts = { status: 'ok', resetsAt: null, seenAt: new Date().toISOString() } as const;
    const windows = [
      { ...facts, name: 'five_hour', used: 0.424 },
      { ...facts, name: 'a\u001bnew_one', used: null, status: 'reached' as const },
    ];
    stub.planUsage = { items: [{ host: 'here', agent: 'claude', windows }] };
    const { out } = await run(['limits']);
    expect(out).toMatch(/^HOST +PLAN +USED +RESETS +HEARD$/m);
    expect(out).toMatch(/^here +5 hours +42 % +- +0s ago$/m);
    expect(out).toMatch(/^here +a␛new one +used up +- +\d+s ago$/m);
    expect(JSON.parse((await run(['limits', '--json'])).out)).toEqual(stub.planUsage);
  });

  it('interrupts the turn', async () => {
    const chat = stub.addChat();
    expect((await run(['interrupt', chat.id])).out).toBe('The turn is interrupted.\n');
    expect(JSON.parse((await run(['interrupt', chat.id, '--json'])).out)).toMatchObject({ interrupted: true });
  });

  it('AGENT-23: takes prompts back', async () => {
    const chat = stub.addChat();
    expect((await run(['rewind', chat.id])).out).toBe('The agent has forgotten 2 prompts.\n');
    expect(JSON.parse((await run(['rewind', chat.id, '--prompt', 'p1', '--json'])).out)).toEqual({
      promptIds: ['p1', 'p2'],
      files: null,
    });
    expect((await run(['rewind', chat.id, '--dry-run'])).out).toBe('The agent would forget 2 prompts.\n');
  });
});

it('CLI-33: asks beside the conversation, on a line of its own or in a conversation', async () => {
  const chat = stub.addChat();
  expect(await run(['btw', chat.id, 'what', 'for?'])).toMatchObject({ out: '␛[2JAbout what for?\n', code: 0 });
  expect(JSON.parse((await run(['btw', chat.id, 'why?', '--json'])).out)).toEqual({ answer: '\u001b[2JAbout why?' });
  const talk = await run(['chat', '--resume', chat.id], { lines: ['/btw why?', null], isInteractive: true });
  expect(talk.out).toContain('␛[2JAbout why?\n');
  const once = await run(['chat', '--resume', chat.id, '/btw', 'why?']);
  expect(once).toMatchObject({ out: '␛[2JAbout why?\n', code: 0 });
  expect(stub.requests.filter((request) => request.endsWith('/prompts') && request.startsWith('POST'))).toEqual([]);
});

it('CLI-33: Ctrl-C withdraws a side question, and the conversation goes on', async () => {
  const chat = stub.addChat();
  const gate = createGate();
  stub.onAside = () => gate.pass();
  const { terminal, exitCode } = start(['chat', '--resume', chat.id], {
    lines: ['/btw why?', null],
    isInteractive: true,
  });
  await gate.reached;
  terminal.press();
  expect(await exitCode).toBe(0);
  expect(terminal.stderr).toContain('· The question was withdrawn.\n');
  const alone = start(['chat', '--resume', chat.id, '/btw why?']);
  await until(() => stub.requests.filter((request) => request.endsWith('/aside')).length === 2);
  alone.terminal.press();
  expect(await alone.exitCode).toBe(130);
  gate.open();
});

describe('CLI-32: rewind with files', () => {
  const args = ['--prompt', 'p1', '--what', 'files'];

  it('shows what would change, without letting a path act on the terminal, and asks', async () => {
    const chat = stub.addChat();
    const unwilling = await run(['rewind', chat.id, ...args], { lines: [''], isInteractive: true });
    expect(unwilling.out).toContain('D odd\\n␛[2J  +0 -1\n1 file, +0 -1\n');
    expect(unwilling.out).toContain('Nothing has changed.');
    expect(unwilling.err).toBe(
      '· big.bin stays as it is: it is too large to be recorded, or was.\n· 2 commits made since will stay.\n' +
        `· Chat “Other” (${stub.filesRewind.workingChats[0]!.chatId}) is working in these files right now.\n` +
        '· Files that git ignores stay as they are.\n',
    );
    expect(stub.rewinds).toEqual([]);
    const done = await run(['rewind', chat.id, ...args], { lines: ['yes'], isInteractive: true });
    expect(done.out).toContain(
      `Files are rewound, except for 1 file.\nUndo it with: boocode rewind ${chat.id} --undo r1\n`,
    );
    expect(stub.rewinds).toEqual([{ before: 'p1', what: 'files', tree: stub.filesRewind.tree }]);
  });

  it('needs --yes where nobody can answer, and undoes by id', async () => {
    const chat = stub.addChat();
    const refused = await run(['rewind', chat.id, ...args]);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.err).toContain('use --yes');
    const undone = await run(['rewind', chat.id, '--undo', 'r1', '--yes', '--json']);
    expect(JSON.parse(undone.out)).toMatchObject({ promptIds: [], files: { rewindId: 'r1' } });
    expect(stub.rewinds).toEqual([{ undo: 'r1', tree: stub.filesRewind.tree }]);
    // Also if there is nothing to do.
    Object.assign(stub.filesRewind, { files: [], count: 0, kept: [], keptCount: 0 });
    const none = await run(['rewind', chat.id, ...args, '--yes', '--json']);
    expect(JSON.parse(none.out)).toMatchObject({ promptIds: [], files: { count: 0, rewindId: null } });
    expect(stub.rewinds).toHaveLength(1);
  });

  it('refuses what makes no sense in one sentence', async () => {
    const chat = stub.addChat();
    const said = async (...given: string[]) => (await run(['rewind', chat.id, ...given])).err;
    expect(await said('--what', 'nothing')).toContain('--what must be conversation, files or both.');
    expect(await said('--what', 'files')).toContain('Name the prompt to rewind files to with --prompt');
    expect(await said('--undo', 'r1', '--what', 'files')).toContain('--undo takes neither --prompt nor --what.');
    expect(stub.rewinds).toEqual([]);
  });
});

it('FORK-12: forks a chat, at the last answer or another one', async () => {
  const chat = stub.addChat({ title: 'Birds', head: 9 });
  const plain = await run(['fork', chat.id]);
  expect(plain).toMatchObject({ code: 0, err: '' });
  expect(plain.out).toBe(`Forked into chat ${stub.chats[0]?.id}: Birds (fork)\n`);
  const chosen = await run(['fork', chat.id, '--at', '4', '--title', 'New', '--json']);
  expect(JSON.parse(chosen.out)).toMatchObject({ title: 'New', forkedFrom: { chatId: chat.id, seq: 4 } });
  for (const wrong of ['0', '1.5', 'x'])
    expect(await run(['fork', chat.id, '--at', wrong])).toMatchObject({
      out: '',
      err: `error: --at must be the number of an event, not '${wrong}'.\n`,
    });
});

describe('move', () => {
  it('CLI-6: moves a chat to another directory, and says if it is no longer trusted', async () => {
    const chat = stub.addChat({ cwd: '/old', trusted: true });
    const bodies: unknown[] = [];
    stub.onPatch = (_, body) => void bodies.push(body);
    expect(await run(['move', chat.id, '/new', '--interrupt'])).toEqual({
      code: 0,
      out: `Chat ${chat.id} now works in /new; it worked in /old.\n`,
      err: '',
    });
    expect((await run(['move', chat.id, '/new'])).out).toBe(`Chat ${chat.id} already works in /new.\n`);
    stub.onPatch = () => void Object.assign(chat, { trusted: false });
    Object.assign(chat, { trusted: true });
    expect((await run(['move', chat.id, 'here'])).out).toContain('It was trusted for the old directory');
    expect(chat.cwd).toBe(`${process.cwd()}/here`);
    expect(bodies).toEqual([{ cwd: '/new', running: 'interrupt' }, { cwd: '/new' }]);
  });

  it('CLI-6: names both if there is neither a host nor a directory of that name', async () => {
    const chat = stub.addChat({ cwd: '/old' });
    stub.onPatch = () => ({ status: 400, code: 'cwd_invalid', detail: 'cwd: does not exist', field: 'cwd' });
    const { code, err } = await run(['move', chat.id, 'celar']);
    expect([code, err]).toEqual([
      1,
      `error: There is no host 'celar': see \`boocode hosts\`. As a directory: ${process.cwd()}/celar does not exist.\n`,
    ]);
    expect((await run(['move', chat.id, './celar'])).err).toBe('error: cwd: does not exist\n');
    expect((await run(['move', chat.id, 'celar', '--directory'])).err).toBe('error: cwd: does not exist\n');
  });

  it('CLI-6: names its own flags if something is running, and waits with --finish', async () => {
    const chat = stub.addChat({ state: 'running' });
    stub.onPatch = () => ({ status: 409, code: 'chat_busy', detail: 'Send "running".', because: 'turn' });
    const { code, err } = await run(['move', chat.id, '/new']);
    expect([code, err]).toEqual([
      1,
      'error: A turn is running. Use --finish to move when it is done, or --interrupt to end it and move at once.\n',
    ]);
    stub.onPatch = () => undefined;
    expect((await run(['move', chat.id, '/new', '--finish'])).err).toMatch(/^A turn is running: waiting/);
  });
});

describe('flip', () => {
  it('CLI-13: switches a chat to the other backend, or to the given one', async () => {
    const chat = stub.addChat({ backend: 'claude_sdk' });
    const bodies: unknown[] = [];
    stub.onPatch = (_, body) => void bodies.push(body);
    expect(await run(['flip', chat.id])).toEqual({
      code: 0,
      out: `Chat ${chat.id} now runs on the terminal program (claude_pty); it ran on the Agent SDK (claude_sdk).\n`,
      err: '',
    });
    expect((await run(['flip', chat.id, '--to', 'claude_pty'])).out).toBe(
      `Chat ${chat.id} already runs on the terminal program (claude_pty).\n`,
    );
    expect(JSON.parse((await run(['flip', chat.id, '--json', '--interrupt'])).out)).toMatchObject({
      id: chat.id,
      backend: 'claude_sdk',
    });
    expect(bodies).toEqual([
      { backend: 'claude_pty' },
      { backend: 'claude_pty' },
      { backend: 'claude_sdk', running: 'interrupt' },
    ]);
  });

  it('says that it waits for a running turn', async () => {
    const chat = stub.addChat({ state: 'running' });
    const bodies: unknown[] = [];
    stub.onPatch = (_, body) => void bodies.push(body);
    const { code, err } = await run(['flip', chat.id, '--finish']);
    expect(code).toBe(0);
    expect(err).toMatch(/^A turn is running: waiting until it has finished\./);
    expect(bodies).toEqual([{ backend: 'claude_pty', running: 'finish' }]);
  });

  it.each([
    ['turn', /^error: A turn is running\. Use --finish .* or --interrupt .*\n$/],
    ['work', /^error: The session has work .* Use --finish .* or --interrupt .*\n$/],
  ])('names its own flags if something is running (%s)', async (because, sentence) => {
    const chat = stub.addChat();
    stub.onPatch = () => ({ status: 409, code: 'chat_busy', detail: 'Send "running".', because }) as const;
    const { code, err, out } = await run(['flip', chat.id]);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(sentence);
  });

  it('passes on why a backend is unavailable', async () => {
    const chat = stub.addChat();
    stub.onPatch = () => ({ status: 409, code: 'backend_unavailable', detail: 'It is not here.' });
    expect(await run(['flip', chat.id])).toEqual({ code: 1, out: '', err: 'error: It is not here.\n' });
  });
});

describe('decide', () => {
  it('lists, shows and answers', async () => {
    const chat = stub.addChat();
    expect(await run(['decide'])).toMatchObject({ code: 0, out: '', err: 'No decisions are pending.\n' });
    const decision = stub.requestDecision(chat.id, { title: 'Bash: rm x', input: { command: 'rm x\nrm y' } });
    expect((await run(['decide'])).out).toContain(`${decision.id.slice(0, 8)}  permission  ${chat.id.slice(0, 8)}`);
    expect((await run(['decide', decision.id])).out).toContain('│ │ rm x\n│ │ rm y\n');
    const input = '{"command":"ls"}';
    expect(await run(['decide', decision.id, 'allow', '--input', input])).toMatchObject({
      code: 0,
      out: 'Bash: rm x: answered by owner via cli: allow\n',
    });
    expect(decision).toMatchObject({ outcome: 'allow', input: { command: 'ls' } });
  });

  it('says whose answer was faster', async () => {
    const decision = stub.requestDecision(stub.addChat().id, {});
    stub.settle(decision, { outcome: 'deny' }, 'web');
    expect(await run(['decide', decision.id, 'allow'])).toEqual({
      code: 1,
      out: '',
      err: 'error: Someone else was faster: answered by owner via web: deny.\n',
    });
  });
});

describe('trust', () => {
  /** A chat whose directory has a settings file with this content. */
  function addTrust(after: string, before: string | null = null): string {
    const { id: chatId } = stub.addChat();
    const change = before === null ? 'added' : 'changed';
    stub.trusts.set(chatId, {
      chatId,
      trusted: false,
      holds: false,
      path: '/work',
      digest: '0'.repeat(64),
      trustedAt: null,
      files: [{ path: '.claude/settings.json', change, before, after }],
    });
    return chatId;
  }

  it('CLI-4: ignores what was typed before everything was shown', async () => {
    const id = addTrust('{}');
    const lines = ['y'];
    const { terminal } = start(['trust', id], { lines, isInteractive: true });
    terminal.forgetTyped = () => Promise.resolve(lines.splice(0).length > 0);
    await until(() => terminal.asking);
    expect(terminal.asking).toBe('Trust exactly this? [y]es / [n]o ');
    expect(terminal.stdout).toContain('Earlier input was ignored.');
    expect(stub.trusts.get(id)).toMatchObject({ trusted: false });
  });

  it('DECIDE-12: shows everything page by page, and can be refused at any time', async () => {
    const long = Array.from({ length: 60 }, (_, line) => `line ${line}`).join('\n');
    const id = addTrust(long);
    const { out, err } = await run(['trust', id], { lines: ['y', 'n'], isInteractive: true });
    expect(err).toBe('There is more of it: answers are accepted at the end.\n');
    expect(out).not.toContain('line 59');
    expect(stub.trusts.get(id)).toMatchObject({ trusted: false });
    const all = await run(['trust', id], { lines: ['all', 'y'], isInteractive: true });
    expect(all.out).toContain('│ + line 59\n');
    expect(stub.trusts.get(id)).toMatchObject({ trusted: true });
  });

  it('shows a change with the lines around it', async () => {
    const { out } = await run(['trust', addTrust('a\nb\nc\nd\nnew\nz', 'a\nb\nc\nd\nold\nz')]);
    expect(out).toContain('  1 unchanged line\n│   b\n│   c\n│   d\n│ - old\n│ + new\n│   z\n');
  });
});

describe('mistakes', () => {
  it.each([
    [['--bogus'], "error: unknown option '--bogus'\n"],
    [['ls', '--bogus'], "error: unknown option '--bogus'\n"],
    [['bogus'], "error: There is no command 'bogus': see boocode --help.\n"],
    [['show'], "error: missing required argument 'chat'\n"],
    [['ls', '--limit', '0'], /'0' is invalid\. It must be a whole number from 1\.\n$/],
    [['chat', '--permission-mode', 'x', 'go'], /'x' is invalid\. Allowed choices are default, /],
    [['chat', '--effort', 'x', 'go'], /'x' is invalid\. Allowed choices are low, medium, high, xhigh, max\.\n$/],
    [['chat', '--resume', 'a', '--cwd', '/', 'go'], /--cwd and --backend are for new chats/],
    [['chat', ' '], 'error: There is no prompt: give it as arguments or on standard input.\n'],
    [['send', 'a'], 'error: There is no prompt: give it as arguments or on standard input.\n'],
    [['decide', 'a', 'maybe'], /'maybe' is invalid .*Allowed choices are allow, always, deny/],
    [['decide', '--input', '{}'], /need an answer/],
    [['decide', 'a', 'allow', '--input', '{'], /^error: --input is not JSON: /],
    [['decide', 'a', 'allow', '--input', '[]'], 'error: --input must be a JSON object.\n'],
    [['flip', 'a', '--finish', '--interrupt'], /'--finish' cannot be used with option '--interrupt'/],
    [['serve', '--port', 'x'], /^error: --port: /],
    [['serve', 'now'], /too many arguments for 'serve'/],
    [['--url', 'x', 'ls'], /The address must look like/],
    [['--url', 'http://127.0.0.1:9', 'ls'], 'error: BooCode at http://127.0.0.1:9 cannot be reached.\n'],
  ])('%j prints one sentence and exits with 1', async (words, sentence) => {
    const { code, out, err } = await run(words);
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toMatch(sentence);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });

  it('says where the token comes from when it is refused', async () => {
    const { err } = await run(['ls'], {}, { BOOCODE_TOKEN: 'wrong' });
    expect(err).toBe('error: The server does not accept this token: check BOOCODE_TOKEN or --token-file.\n');
  });
});

describe('help', () => {
  it('lists every setting of the server', async () => {
    for (const command of ['serve', 'demo']) {
      const { code, out } = await run([command, '--help']);
      expect(code).toBe(0);
      for (const name of [
        'HOST',
        'PORT',
        'DATA_DIR',
        'PUBLIC_ORIGIN',
        'ADVERTISE_URL',
        'IDLE_SECONDS',
        'QUIET_SECONDS',
        'AGENT_ANSWER_SECONDS',
        'AGENT_START_SECONDS',
        'MODEL_SILENCE_SECONDS',
        'LOG_LEVEL',
        'AGENT_ENV',
        'TOKEN',
      ]) {
        expect(out).toContain(`BOOCODE_${name}`);
      }
      expect(out).toContain('DATABASE_URL');
      expect(out).toContain('CLAUDE_SDK_BACKEND');
    }
  });
});
