/** A complete agent in one file, added as CONTRIBUTING describes. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Agent, AgentDeclaration } from '../../src/agents/agent.ts';
import type { AgentBackend, AgentEvent, AgentSession, AgentSessionSpec } from '../../src/agents/agent-backend.ts';
import { declaredAgents } from '../../src/agents/agents.ts';
import { createPushable, type Pushable } from '../../src/lib/pushable.ts';
import { BooError } from '../../src/protocol/error.ts';
import { finding } from '../../src/protocol/finding.ts';
import { textOf } from '../../src/protocol/text-of.ts';
import { noUsage } from '../../src/protocol/usage.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

/** Repeats each prompt. The prompt `hold` waits until it is interrupted. */
class EchoSession implements AgentSession {
  readonly #spec: AgentSessionSpec;
  #isNew = true;
  #held: Pushable<AgentEvent> | undefined;

  constructor(spec: AgentSessionSpec) {
    this.#spec = spec;
  }

  get isBusy(): boolean {
    return this.#held !== undefined;
  }

  async *prompt({ content }: Parameters<AgentSession['prompt']>[0]): AsyncGenerator<AgentEvent> {
    const { sessionId, model } = this.#spec;
    const held = (this.#held = createPushable<AgentEvent>());
    if (this.#isNew) yield { type: 'session_started', sessionId, backend: 'echo_loop', model: model ?? 'echo-1' };
    this.#isNew = false;
    const text = textOf(content);
    yield { type: 'agent_message', messageId: randomUUID(), content: [{ type: 'text', text: `Echo: ${text}` }] };
    if (text === 'hold') {
      yield* held.iterable;
      return;
    }
    this.#held = undefined;
    yield finished('completed');
  }

  interrupt(): Promise<void> {
    this.#held?.push(finished('interrupted'));
    this.#held?.close();
    this.#held = undefined;
    return Promise.resolve();
  }

  checkAnswer = () => Promise.resolve('settled' as const);
  resolve = () => false;
  setModel = () => Promise.resolve();
  setEffort = () => Promise.resolve(true);
  setPermissionMode = (mode: Parameters<AgentSession['setPermissionMode']>[0]) => Promise.resolve(mode);
  setAcceptsAgentMessages = () => Promise.resolve();
  close = () => this.interrupt();
}

function finished(outcome: 'completed' | 'interrupted'): AgentEvent {
  return { type: 'turn_finished', outcome, usage: noUsage, costUsd: 0, models: {} };
}

const backend: AgentBackend = {
  name: 'echo_loop',
  capabilities: { deltas: false, terminal: false, images: false, durableDecisions: false, continuesTurns: false },
  openSession: (spec) => Promise.resolve(new EchoSession(spec)),
  dispose: () => Promise.resolve(),
};

const agent: Agent = {
  name: 'echo',
  label: 'Echo',
  backends: [
    { name: 'echo_loop', label: 'loop', hint: 'repeats everything', howToChoose: 'Or use the loop.', runs: backend },
  ],
  permissionModes: ['default'],
  models: ['echo-1'],
  knowsModel: (model) => Promise.resolve(model === 'echo-1'),
  foldSummary: (previous) => ({ data: { entries: Number(previous?.data['entries'] ?? 0) + 1 } }),
  createTurnTraces: () => ({ add() {}, seen: {}, spent: {}, finishedCalls: new Set() }),
  dispose: () => Promise.resolve(),
};

const echo: AgentDeclaration = {
  name: 'echo',
  open: () => Promise.resolve(agent),
  demoEnvironment: (env) => ({ ...env }),
  diagnose: () => Promise.resolve([finding('echo', 'ok', 'Echo needs nothing.')]),
};

let server: TestServer;
beforeAll(async () => {
  server = await openServer({ agents: [...declaredAgents, echo] });
  // What this agent's migration would do.
  for (const table of ['chats', 'agent_sessions']) {
    await server.sql`
      alter table boocode.${server.sql(table)} drop constraint ${server.sql(`${table}_backend_check`)},
        add constraint ${server.sql(`${table}_backend_check`)}
        check (backend in ('claude_pty', 'claude_sdk', 'echo_loop'))`;
  }
});
afterAll(() => server.close());

test('ROUTE-1 ROUTE-3: a declared agent is listed, and answers in its chats', async () => {
  const { agents, backends, defaultBackend } = await server.client.info();
  expect(defaultBackend).toMatch(/^claude_/);
  expect(agents.map(({ name, label, imports }) => [name, label, imports])).toEqual([
    ['claude', 'Claude', true],
    ['echo', 'Echo', false],
  ]);
  expect(backends.find(({ name }) => name === 'echo_loop')).toMatchObject({ agent: 'echo', available: true });

  const chat = await server.createChat({ agent: 'echo' });
  expect(chat).toMatchObject({ agent: 'echo', backend: 'echo_loop' });
  const run = await server.client.run(chat.id, 'hello');
  expect(run).toMatchObject({ outcome: 'completed', answer: 'Echo: hello' });
  // The default agent for new chats is still Claude.
  expect((await server.createChat()).agent).toBe('claude');
  await server.client.deleteChat(chat.id);
});

test('ROUTE-3: a setting that the agent does not offer is refused with the name of its field', async () => {
  const refused = (input: Parameters<TestServer['createChat']>[0]) =>
    server.createChat({ agent: 'echo', ...input }).catch((error: unknown) => error as BooError);
  for (const [field, input] of [
    ['backend', { backend: 'claude_sdk' }],
    ['permissionMode', { permissionMode: 'plan' }],
    ['model', { model: 'opus' }],
  ] as const) {
    expect(await refused(input)).toMatchObject({ code: 'invalid_request', details: { field } });
  }
  const { id } = await server.createChat({ agent: 'echo' });
  // A chat flips only between backends of its own agent.
  await expect(server.client.patchChat(id, { backend: 'claude_sdk' })).rejects.toMatchObject({
    code: 'invalid_request',
    details: { field: 'backend' },
  });
  await expect(server.client.patchChat(id, { permissionMode: 'plan' })).rejects.toBeInstanceOf(BooError);
  await expect(
    server.client.beginImport({ agent: 'echo', cwd: server.workDir, sessionId: randomUUID() }),
  ).rejects.toMatchObject({ code: 'invalid_request', details: { field: 'agent' } });
});

test('TURN-3: a declared agent’s turns can be interrupted, and its chats survive a restart', async () => {
  const chat = await server.createChat({ agent: 'echo' });
  const held = server.client.run(chat.id, 'hold');
  await until(async () => (await server.client.getChat(chat.id)).state === 'running');
  await server.client.interrupt(chat.id);
  expect(await held).toMatchObject({ outcome: 'interrupted' });
  await server.restart();
  expect(await server.client.run(chat.id, 'again')).toMatchObject({ outcome: 'completed', answer: 'Echo: again' });
});
