// Answers that change what runs, with the real program on both engines.
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackendName, CreateChat } from '../../src/protocol/chat.ts';
import type { Event, EventOf } from '../../src/protocol/event.ts';
import { openProgramHome } from '../support/program.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, nextEvent, readLog, textIn } from '../support/turns.ts';

let server: TestServer;

/** An MCP server with one tool, which appends its arguments to a file as a line. */
const mcpServer = `
const { appendFileSync } = require('node:fs');
const tool = { name: 'keep', inputSchema: { type: 'object', properties: { text: { type: 'string' }, n: { type: 'number' } } } };
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  if (method === 'tools/call') appendFileSync(process.argv[1], JSON.stringify(params.arguments) + '\\n');
  const result = {
    initialize: { protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'notes', version: '1' } },
    'tools/list': { tools: [tool] },
    'tools/call': { content: [{ type: 'text', text: 'Kept.' }] },
  }[method] ?? {};
  console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
});`;

beforeAll(async () => {
  server = await openServer();
  const notes = { type: 'stdio', command: process.execPath, args: ['-e', mcpServer, file('kept')] };
  await mkdir(server.agent.configDir, { recursive: true });
  await writeFile(join(server.agent.configDir, '.claude.json'), JSON.stringify({ mcpServers: { notes } }));
});
afterAll(() => server.close());

const file = (name: string): string => join(server.workDir, name);

interface Asked {
  chatId: string;
  asked: EventOf<'decision_requested'>;
  /** What was logged since the prompt. */
  log: () => Promise<Event[]>;
}

/** By engine: tests that change nothing about their chat share it, because starting the program is slow. */
const chats = new Map<BackendName, string>();

/** The shared chat, or a new one if a test was cut short in it; with `more` settings, a chat for this test alone. */
async function openChat(backend: BackendName, more?: Partial<CreateChat>): Promise<string> {
  if (more) return (await server.createChat({ backend, ...more })).id;
  const known = chats.get(backend);
  if (known !== undefined && (await server.client.getChat(known)).state === 'ready') return known;
  const { id } = await server.createChat({ backend });
  chats.set(backend, id);
  return id;
}

/** Sends a prompt, and waits until the agent asks for a decision. */
async function askedFor(prompt: string, backend: BackendName, more?: Partial<CreateChat>): Promise<Asked> {
  const chatId = await openChat(backend, more);
  const { head } = await server.client.getChat(chatId);
  await server.client.prompt(chatId, { content: prompt });
  return {
    chatId,
    asked: await nextEvent(server.client, chatId, 'decision_requested', { after: head }),
    log: async () => (await readLog(server.client, chatId)).filter(({ seq }) => seq > head),
  };
}

const answer = ({ asked }: Asked, body: unknown) => server.call('POST', `/v1/decisions/${asked.decisionId}`, { body });

/** The answer is refused with the name of the field, nothing is stored, and the decision stays open. */
async function expectRefused(decision: Asked, body: object, field: string): Promise<void> {
  const refused = await answer(decision, body);
  expect({ ...refused, to: body }).toMatchObject({ status: 400, body: { code: 'invalid_request', field } });
  expect(eventsOf(await decision.log(), 'decision_resolved')).toEqual([]);
  const { items } = await server.client.listDecisions({ status: 'pending', chatId: decision.chatId });
  expect(items).toMatchObject([{ id: decision.asked.decisionId, status: 'pending' }]);
}

/** Answers, waits for the end of the turn, and returns the logged answer and what the agent said. */
async function settle(
  decision: Asked,
  body: object,
): Promise<{ resolved: EventOf<'decision_resolved'>; text: string }> {
  expect(await answer(decision, body)).toMatchObject({ status: 200 });
  const { seq } = decision.asked;
  await nextEvent(server.client, decision.chatId, 'turn_finished', { after: seq, timeoutMs: 40_000 });
  const log = await decision.log();
  const [resolved] = eventsOf(log, 'decision_resolved');
  return { resolved: resolved!, text: textIn(log) };
}

test('DECIDE-9: the command line says what is wrong with an edited input, and the decision stays open', async () => {
  const programs = await openProgramHome();
  try {
    const decision = await askedFor('run: touch by-hand', 'claude_sdk');
    const decide = (input: string) =>
      programs.run(['decide', decision.asked.decisionId, 'allow', '--input', input], {
        env: { BOOCODE_URL: server.url, BOOCODE_TOKEN: server.token },
      });
    expect(await decide('{"command": 5}')).toMatchObject({ code: 1, stderr: 'error: input.command: must be text\n' });
    expect(await decide('{}')).toMatchObject({ code: 1, stderr: expect.stringContaining('input: must not be empty') });
    expect(await decide('{"command": "touch by-hand-edited"}')).toMatchObject({ code: 0, stderr: '' });
    await nextEvent(server.client, decision.chatId, 'turn_finished', { after: decision.asked.seq });
    expect([existsSync(file('by-hand')), existsSync(file('by-hand-edited'))]).toEqual([false, true]);
  } finally {
    await programs.remove();
  }
});

describe.each(['claude_sdk', 'claude_pty'] as const)('%s', (backend) => {
  test('DECIDE-9: a command that would not run as written is refused, and the decision stays open', async () => {
    const decision = await askedFor(`run: touch original-${backend}`, backend);
    for (const [input, field] of [
      [{}, 'input'],
      [{ command: 5 }, 'input.command'],
      [{ description: 'no command' }, 'input.command'],
      [{ command: 'touch a\rb' }, 'input.command'],
      [{ command: 'touch a\ud800b' }, 'input.command'],
      [{ ...decision.asked.input, cwd: '/' }, 'input.cwd'],
      [{ ...decision.asked.input, timeout: '5000' }, 'input.timeout'],
      [{ ...decision.asked.input, dangerouslyDisableSandbox: true }, 'input.dangerouslyDisableSandbox'],
      [{ file_path: file('a'), content: 'a' }, 'input.command'],
    ] as const) {
      await expectRefused(decision, { outcome: 'allow', input }, field);
    }
    await expectRefused(decision, { outcome: 'allow_always', input: { command: 'touch b' } }, 'input');
    await expectRefused(decision, { outcome: 'allow', message: 'Go on.' }, 'message');
    expect(existsSync(file(`original-${backend}`))).toBe(false);
    // An unchanged input is not an edit.
    const { resolved } = await settle(decision, { outcome: 'allow', input: { ...decision.asked.input } });
    expect(resolved).not.toHaveProperty('input');
    expect(existsSync(file(`original-${backend}`))).toBe(true);
    expect(await answer(decision, { outcome: 'allow', input: {} })).toMatchObject({ status: 409 });
  });

  test('DECIDE-3: the log shows exactly what ran', async () => {
    const command = `  printf '%s' 'a\tb “q” e\u0301 \u202e $HOME' > ran-${backend}\n`;
    const run = await askedFor(`run: touch other-${backend}`, backend);
    const ran = await settle(run, { outcome: 'allow', input: { command } });
    expect(ran.resolved.input).toEqual({ command });
    expect(await readFile(file(`ran-${backend}`), 'utf8')).toBe('a\tb “q” e\u0301 \u202e $HOME');
    expect(existsSync(file(`other-${backend}`))).toBe(false);

    const content = ' a\u0000b\r\nc\u001b[2J\t“q” e\u0301\ufeff  \n\n';
    const write = await askedFor(`write model-${backend}.txt: as the model wrote it`, backend);
    for (const [input, field] of [
      [{ file_path: file(`edited ${backend}`) }, 'input.content'],
      [{ file_path: '~/edited', content }, 'input.file_path'],
      [{ file_path: 'edited', content }, 'input.file_path'],
    ] as const) {
      await expectRefused(write, { outcome: 'allow', input }, field);
    }
    const input = { file_path: file(`edited ${backend}`), content };
    expect((await settle(write, { outcome: 'allow', input })).resolved.input).toEqual(input);
    expect(await readFile(file(`edited ${backend}`), 'utf8')).toBe(content);
    expect(existsSync(file(`model-${backend}.txt`))).toBe(false);
    expect(readdirSync(server.workDir)).not.toContain('edited');
  });

  test('DECIDE-9: a call to an MCP server keeps its fields, and receives exactly the values in the log', async () => {
    const decision = await askedFor('call mcp__notes__keep: {"text": "as asked", "n": 1}', backend);
    for (const [input, field] of [
      [{}, 'input'],
      [{ text: 5, n: 1 }, 'input.text'],
      [{ text: 'a', n: '1' }, 'input.n'],
      [{ text: 'a' }, 'input.n'],
      [{ text: 'a', n: 1, more: true }, 'input.more'],
    ] as const) {
      await expectRefused(decision, { outcome: 'allow', input }, field);
    }
    const input = { text: `edited ${backend} \u0000\r\n “e\u0301”`, n: -0.5 };
    expect((await settle(decision, { outcome: 'allow', input })).resolved.input).toEqual(input);
    const kept = (await readFile(file('kept'), 'utf8')).trimEnd().split('\n');
    expect(JSON.parse(kept.at(-1)!)).toEqual(input);
    expect(kept.join()).not.toContain('as asked');
  });

  test('DECIDE-10: a question is answered as it was asked, and the agent receives exactly that', async () => {
    const decision = await askedFor('ask me', backend);
    const { input } = decision.asked;
    const [first] = input['questions'] as { question: string }[];
    const question = first!.question;
    const answers = { [question]: 'Orange' };
    const field = `input.answers.${question}`;
    for (const [given, wrong] of [
      [{}, 'input.questions'],
      [{ answers }, 'input.questions'],
      [{ ...input, answers: {} }, field],
      [{ ...input, answers: 'Orange' }, 'input.answers'],
      [{ ...input, answers: { [question]: ['Orange'] } }, field],
      [{ ...input, answers: { [question]: ' ' } }, field],
      [{ ...input, answers: { ...answers, 'Delete it all?': 'Yes' } }, 'input.answers.Delete it all?'],
      [{ ...input, answers, response: 'Something else' }, 'input.response'],
      [{ questions: [{ ...first, question: 'Another one?' }], answers: { 'Another one?': 'Yes' } }, 'input.questions'],
    ] as const) {
      await expectRefused(decision, { outcome: 'allow', input: given }, wrong);
    }
    const { resolved, text } = await settle(decision, { outcome: 'allow', input: { ...input, answers } });
    expect(resolved.input).toEqual({ ...input, answers });
    expect(text).toContain(`"${question}"="Orange"`);
  });

  test('DECIDE-10: a plan is approved as it was shown, or as it was edited', async () => {
    const decision = await askedFor('make a plan', backend, { permissionMode: 'plan' });
    const { plan, planFilePath } = decision.asked.input as { plan: string; planFilePath: string };
    expect(await readFile(planFilePath, 'utf8')).toBe(plan);
    for (const [input, field] of [
      [{}, 'input.plan'],
      [{ plan: 5 }, 'input.plan'],
      [{ plan: ' \n' }, 'input.plan'],
      [{ plan: '# Another', planFilePath: file('plan.md') }, 'input.planFilePath'],
      [{ plan: '# Another', allowedPrompts: [] }, 'input.allowedPrompts'],
    ] as const) {
      await expectRefused(decision, { outcome: 'allow', input }, field);
    }
    // The program would read the file again, and approve a plan that nobody has seen.
    await writeFile(planFilePath, '# What nobody has seen\n');
    await expectRefused(decision, { outcome: 'allow' }, 'outcome');
    const edited = { plan: '# As the person wrote it\n', planFilePath };
    expect((await settle(decision, { outcome: 'allow', input: edited })).resolved.input).toEqual(edited);
    expect(await readFile(planFilePath, 'utf8')).toBe(edited.plan);
    const heard = JSON.stringify(server.model.requests.at(-1)?.body);
    expect(heard).toContain('# As the person wrote it');
    expect(heard).not.toContain('# What nobody has seen');
  });

  test('DECIDE-10: a plan without text cannot be approved', async () => {
    const decision = await askedFor('call ExitPlanMode: {}', backend, { permissionMode: 'plan' });
    expect(decision.asked).toMatchObject({ kind: 'plan', input: {} });
    await expectRefused(decision, { outcome: 'allow' }, 'outcome');
    await expectRefused(decision, { outcome: 'allow', input: { plan: '# Mine' } }, 'outcome');
    const { text } = await settle(decision, { outcome: 'deny', message: 'Write the plan first.' });
    expect(text).toContain('Write the plan first.');
    expect((await server.client.getChat(decision.chatId)).permissionMode).toBe('plan');
  });
});
