// What scripts rely on: lines of JSON, answers given in advance, and exit codes.
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeInput } from '../../test/support/fake-terminal.ts';
import { startCommand } from '../../test/support/start-command.ts';
import { openStubServer, type StubServer } from '../../test/support/stub-server.ts';
import { until } from '../../test/support/until.ts';
import type { Decision } from '../protocol/decision.ts';
import type { EventBody } from '../protocol/event.ts';
import { noUsage } from '../protocol/usage.ts';

let stub: StubServer;
beforeEach(async () => (stub = await openStubServer()));
afterEach(() => stub.close());

const turnId = '0b0c3b5e-3b7e-4a80-a0c5-8f2f3f9a6a01';
const finished: Extract<EventBody, { type: 'turn_finished' }> = {
  type: 'turn_finished',
  turnId,
  outcome: 'completed',
  usage: noUsage,
  costUsd: 0.5,
};
const message = (messageId: string, text: string, parentToolCallId?: string): EventBody => ({
  type: 'agent_message',
  messageId,
  content: [{ type: 'text', text }],
  parentToolCallId,
});

async function run(words: string[], input?: FakeInput) {
  const { terminal, exitCode } = startCommand(stub, words, input);
  return { code: await exitCode, out: terminal.stdout, err: terminal.stderr };
}

const linesOf = (out: string): Record<string, unknown>[] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** What the stub's agent does with every prompt. */
function onTurn(work: (chatId: string) => unknown): void {
  stub.onPrompt = (chatId, promptId) => {
    stub.append(chatId, { type: 'turn_started', turnId, promptIds: [promptId] });
    stub.inBackground(Promise.resolve(work(chatId)));
  };
}

/** Starts a call of the tool that asks for permission. */
function askFor(chatId: string, toolName: string, fields: Partial<Decision> = {}): Decision {
  const toolCallId = `call of ${toolName}`;
  stub.append(chatId, { type: 'tool_call', toolCallId, title: toolName, kind: 'other', toolName, rawInput: {} });
  return stub.requestDecision(chatId, { toolName, toolCallId, title: `${toolName}: it`, ...fields });
}

const settled = (decision: Decision) => until(() => decision.by !== null);

describe('CLI-10: with --json', () => {
  it('chat prints every event and then its result, one per line, and nothing else', async () => {
    onTurn((chatId) => {
      stub.append(chatId, message('m', 'First.'));
      stub.append(chatId, message('n', 'The answer.\nTwo lines.'));
      stub.append(chatId, message('o', 'A sub-agent says.', 'call'));
      stub.append(chatId, finished);
    });
    const { code, out, err } = await run(['chat', '--json', 'go']);
    const lines = linesOf(out);
    const types = ['prompt_accepted', 'turn_started', ...Array(3).fill('agent_message'), 'turn_finished', 'result'];
    expect(lines.map(({ type }) => type)).toEqual(types);
    expect(lines.at(-1)).toEqual({
      type: 'result',
      chatId: stub.chats[0]?.id,
      promptId: lines[0]?.['promptId'],
      turnId,
      outcome: 'completed',
      text: 'The answer.\nTwo lines.',
      usage: noUsage,
      costUsd: 0.5,
    });
    expect([code, err]).toEqual([0, '']);
  });

  it('send --wait does the same, and send without it prints the receipt', async () => {
    const { id } = stub.addChat();
    onTurn((chatId) => {
      stub.append(chatId, message('m', 'Yes.'));
      stub.append(chatId, { ...finished, outcome: 'failed', error: { code: 'model_error', message: 'No.' } });
    });
    const { code, out } = await run(['send', id, 'go', '--wait', '--json', '--id', 'p']);
    expect(linesOf(out).at(-1)).toMatchObject({ outcome: 'failed', text: 'Yes.', error: { message: 'No.' } });
    expect(linesOf(out)[0]).toMatchObject({ type: 'prompt_accepted', promptId: 'p' });
    expect(code).toBe(1);
    expect(linesOf((await run(['send', id, 'go', '--json', '--id', 'p'])).out)).toEqual([
      { promptId: 'p', chatId: id, seq: 1 },
    ]);
  });

  it('a decision exits with 3, without asking anyone or reading any input', async () => {
    onTurn((chatId) => askFor(chatId, 'Bash'));
    const { code, out, err } = await run(['chat', '--json', 'go'], { lines: ['y'] });
    const [decision] = stub.decisions;
    expect(linesOf(out).at(-1)).toMatchObject({ outcome: 'undecided', decisionIds: [decision?.id], turnId });
    expect(err).toContain(`boocode decide ${decision?.id} allow (or deny)`);
    expect([code, decision?.status]).toEqual([3, 'pending']);
  });

  it('requires a prompt, even at a terminal', async () => {
    const { code, err } = await run(['chat', '--json'], { isInteractive: true });
    expect([code, err]).toEqual([1, 'error: --json needs one prompt: give it as arguments or on standard input.\n']);
  });

  it('Ctrl-C interrupts the chat, and the result says how it ended', async () => {
    onTurn(() => {});
    stub.onInterrupt = (chatId) => stub.append(chatId, { ...finished, outcome: 'interrupted' });
    const { terminal, exitCode } = startCommand(stub, ['chat', '--json', 'go']);
    await until(() => terminal.stdout.includes('turn_started'));
    terminal.press();
    expect(await exitCode).toBe(130);
    expect(linesOf(terminal.stdout).at(-1)).toMatchObject({ outcome: 'interrupted' });
  });
});

describe('CLI-11: answers given in advance', () => {
  /** Permissions for two tools, one after the other. */
  function twoTools(): void {
    onTurn(async (chatId) => {
      for (const tool of ['Bash', 'Write']) await settled(askFor(chatId, tool));
      stub.append(chatId, finished);
    });
  }
  const outcomes = (): unknown[] => stub.decisions.map(({ outcome }) => outcome);

  it.each([[['chat', 'go']], [['chat', '--json', 'go']]])(
    '%j: --allow permits each tool that it names, and no other',
    async (words) => {
      twoTools();
      expect((await run([...words, '--allow', 'Bash,Write'])).code).toBe(0);
      expect(outcomes()).toEqual(['allow', 'allow']);
      stub.decisions.length = 0;
      expect((await run([...words, '--allow', 'Bash'], { lines: [null] })).code).toBe(3);
      expect(outcomes()).toEqual(['allow', null]);
    },
  );

  it.each(['Bas', 'bash', 'Ba.h', 'Bash:ls'])('--allow %s does not permit Bash', async (name) => {
    onTurn((chatId) => askFor(chatId, 'Bash'));
    expect((await run(['chat', '--json', '--allow', name, 'go'])).code).toBe(3);
    expect(outcomes()).toEqual([null]);
  });

  it('--deny refuses the rest, and tells the agent why', async () => {
    twoTools();
    expect((await run(['chat', 'go', '--allow', 'Write', '--deny'])).code).toBe(0);
    expect(outcomes()).toEqual(['deny', 'allow']);
    expect(stub.decisions[0]).toMatchObject({ message: expect.stringContaining('Nobody is here to answer') });
  });

  it.each(['question', 'plan', 'form'] as const)('--allow does not answer a %s, but --deny does', async (kind) => {
    onTurn(async (chatId) => {
      await settled(askFor(chatId, 'Ask', { kind }));
      stub.append(chatId, finished);
    });
    expect((await run(['chat', '--json', '--allow', 'Ask', 'go'])).code).toBe(3);
    expect((await run(['chat', '--json', '--deny', 'go'])).code).toBe(0);
    expect(outcomes()).toEqual([null, 'deny']);
  });

  it('apply to decisions that were pending before', async () => {
    const { id } = stub.addChat();
    const before = askFor(id, 'Bash');
    onTurn((chatId) => stub.append(chatId, finished));
    expect((await run(['send', id, 'go', '--wait', '--allow', 'Bash'])).code).toBe(0);
    expect(before).toMatchObject({ outcome: 'allow' });
  });

  it('are refused without --wait, and without the name of a tool', async () => {
    expect((await run(['send', 'a', 'go', '--allow', 'Bash'])).err).toBe('error: --allow and --deny need --wait.\n');
    expect((await run(['chat', '--allow', 'Bash;', 'go'])).err).toContain('names of tools with commas');
  });
});

describe('CLI-20: a decision that outlives its process', () => {
  const nextId = '0b0c3b5e-3b7e-4a80-a0c5-8f2f3f9a6a02';
  /** Asks, and loses its process. Continues once it is answered. */
  function asksAndEnds(how: (decision: Decision) => void = () => {}): void {
    onTurn(async (chatId) => {
      const decision = askFor(chatId, 'Bash');
      how(decision);
      const error = { code: 'host_restarted', message: 'The host ended. The turn continues when …' } as const;
      stub.append(chatId, { ...finished, outcome: 'interrupted', openDecisionIds: [decision.id], error });
      await settled(decision);
      if (decision.outcome === 'cancelled') return;
      stub.append(chatId, { type: 'turn_started', turnId: nextId, promptIds: [], continuesTurnId: turnId });
      stub.append(chatId, message('n', 'It ran.'));
      stub.append(chatId, { ...finished, turnId: nextId });
    });
  }
  const cancel = (): void => {
    const [decision] = stub.decisions;
    stub.settle(decision!, { outcome: 'cancelled' as never }, 'another');
  };

  it('send --wait says how to answer it, keeps waiting, and reports the turn that continues', async () => {
    const { id } = stub.addChat();
    asksAndEnds();
    const { terminal, exitCode } = startCommand(stub, ['send', id, 'go', '--wait']);
    await until(() => terminal.stderr.includes('The turn continues'));
    const decide = `boocode decide ${stub.decisions[0]!.id} allow (or deny)`;
    await until(() => terminal.stderr.split('The turn continues when')[1]?.includes(decide));
    await run(['decide', stub.decisions[0]!.id, 'allow']);
    expect(await exitCode).toBe(0);
    expect(terminal.stdout).toContain('completed · cost $1.0000');
    expect(terminal.stderr).not.toContain('✗');
  });

  it('send --wait --json ends with the result of the last turn', async () => {
    const { id } = stub.addChat();
    asksAndEnds();
    const { terminal, exitCode } = startCommand(stub, ['send', id, 'go', '--wait', '--json']);
    await until(() => terminal.stdout.includes('openDecisionIds'));
    await run(['decide', stub.decisions[0]!.id, 'allow']);
    expect(await exitCode).toBe(0);
    expect(linesOf(terminal.stdout).at(-1)).toMatchObject({
      outcome: 'completed',
      turnId: nextId,
      text: 'It ran.',
      costUsd: 1,
    });
  });

  it('send --wait says when the dollars of a turn are not known', async () => {
    const { id } = stub.addChat();
    const unknown = { type: 'notice', level: 'info', code: 'turn_cost_unknown', message: 'No dollars.' } as const;
    asksAndEnds(({ chatId }) => stub.append(chatId, { ...unknown, turnId } as EventBody));
    const { err } = await run(['send', id, 'go', '--wait', '--deny']);
    expect(err).toContain('· No dollars.\n');
  });

  it('ends as interrupted when it is cancelled', async () => {
    const { id } = stub.addChat();
    asksAndEnds();
    const { terminal, exitCode } = startCommand(stub, ['send', id, 'go', '--wait']);
    await until(() => terminal.stderr.includes('The turn continues'));
    cancel();
    expect(await exitCode).toBe(130);
    expect(terminal.stdout).toContain('interrupted · cost $0.5000');
    expect(terminal.stderr).not.toContain('✗');
  });

  it('an answer given in advance is given again if it did not arrive', async () => {
    const { id } = stub.addChat();
    asksAndEnds(() => (stub.refuseAnswers = 1));
    const { code, err } = await run(['send', id, 'go', '--wait', '--allow', 'Bash']);
    expect(err).toMatch(/Not now\.[^]*The turn continues[^]*Allowed by --allow/);
    expect(code).toBe(0);
  });

  it('Ctrl-C in chat interrupts what waits, and ends it', async () => {
    asksAndEnds();
    stub.onInterrupt = cancel;
    const { terminal, exitCode } = startCommand(stub, ['chat', 'go'], { isInteractive: true });
    await until(() => terminal.asking);
    terminal.press();
    expect(await exitCode).toBe(130);
    expect(terminal.transcript).toContain('The turn continues');
  });
});

describe('CLI-11: a pending decision', () => {
  it('is reported by send --wait, which keeps waiting', async () => {
    const { id } = stub.addChat();
    onTurn(async (chatId) => {
      await settled(stub.requestDecision(chatId, { title: 'Bash: rm\u001b[2J x' }));
      stub.append(chatId, finished);
    });
    const { terminal, exitCode } = startCommand(stub, ['send', id, 'go', '--wait']);
    await until(() => terminal.stderr.includes('boocode decide'));
    expect(terminal.stderr).toMatch(
      /^· A decision is pending: Bash: rm.*x\n· Answer it with: boocode decide \S+ allow \(or deny\)\n$/,
    );
    expect(terminal.stderr).not.toContain('\u001b');
    await run(['decide', stub.decisions[0]!.id, 'allow']);
    expect(await exitCode).toBe(0);
  });

  it.each([[['chat', 'go']], [['chat', '--json', 'go']], [['send', 'CHAT', 'go', '--wait']]])(
    '%j ends when its prompt is cancelled',
    async (words) => {
      const { id } = stub.addChat();
      stub.onPrompt = (chatId, promptId) => void stub.append(chatId, { type: 'prompt_cancelled', promptId });
      const { code, out, err } = await run(words.map((word) => (word === 'CHAT' ? id : word)));
      expect(code).toBe(1);
      expect(out + err).toMatch(/cancelled|taken back/);
    },
  );
});

describe('CLI-15: a relative directory is resolved where the command runs', () => {
  it.each([
    ['.', ''],
    ['some/where', '/some/where'],
    ['/work', undefined],
  ])('%s', async (given, below) => {
    onTurn((chatId) => stub.append(chatId, finished));
    await run(['chat', '--cwd', given, 'go']);
    expect(stub.chats[0]?.cwd).toBe(below === undefined ? given : join(process.cwd(), below));
  });
});

describe('CLI-12: help', () => {
  it('CLI-13: names the engines as the API does', async () => {
    for (const name of ['chat', 'adopt', 'flip']) {
      expect((await run([name, '--help'])).out).toMatch(/such\s+as\s+claude_sdk\s+or\s+claude_pty/);
    }
  });

  const commands = (out: string): string[] => [...out.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name = '']) => name);

  it('shows what people type for every command, and no internal values', async () => {
    const { out } = await run(['help']);
    const names = commands(out.slice(out.indexOf('Commands:')));
    expect(names).toEqual(expect.arrayContaining(['serve', 'attach', 'chat', 'help']));
    for (const name of names) {
      const help = await run([name, '--help']);
      expect(help.code).toBe(0);
      expect(help.out).not.toMatch(/default: ?[{["]|\[object|undefined|null/);
      expect(await run(['help', name])).toEqual(help);
    }
  });

  it.each([
    [['chatt'], 'chat'],
    [['chatt', '--json', 'go'], 'chat'],
    [['chatt', '--cwd', '.', 'go'], 'chat'],
    [['help', 'chatt'], 'chat'],
    [['atach', '--help'], 'attach'],
  ])('%j gets a suggestion', async (words, meant) => {
    const { code, out, err } = await run(words);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(new RegExp(`^error: There is no command '\\w+'\\. Did you mean ${meant}\\?\\n$`));
  });

  it.each([['chat'], ['send']])('lists the exit codes of %s', async (name) => {
    expect((await run([name, '--help'])).out).toMatch(/Exit codes:\n {2}0 .*\n {2}1 .*\n {2}3 .*\n {2}75 .*\n {2}130 /);
  });
});
