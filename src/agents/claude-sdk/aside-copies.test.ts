// Side questions that a copy of a session answers: real programs, on either engine.
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ofType, openSession, type OpenedSession, runTurn } from '../../../test/contract/agent-backend.ts';
import { openPtyHarness, type PtyHarness } from '../../../test/support/pty-harness.ts';
import { until } from '../../../test/support/until.ts';
import type { AgentEvent, AsideSpec, SessionCost } from '../agent-backend.ts';
import { noResultYet, stillWorking } from '../claude/files/copy-transcript.ts';
import { temporaryPrefix } from '../process-marks.ts';

let harness: PtyHarness;
beforeAll(async () => void (harness = await openPtyHarness()));
afterAll(() => harness.close());

const filesIn = (directory: string): string[] =>
  (existsSync(directory) ? readdirSync(directory, { recursive: true }) : []).map(String);
const copies = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith(basename(temporaryPrefix())));
/** The messages of every request since, as text. */
const sent = (since: number): string[] =>
  harness.model.requests
    .slice(since)
    .filter(({ path }) => path.startsWith('/v1/messages'))
    .map(({ body }) => JSON.stringify((body as { messages: unknown }).messages));

function about(session: OpenedSession, question: string) {
  const costs: SessionCost[] = [];
  const spec: AsideSpec = {
    ...session,
    question,
    onRequest: () => undefined,
    onCost: (cost) => Promise.resolve(void costs.push(cost)),
  };
  return { spec, costs };
}

const never = new AbortController().signal;

test('ASIDE-6: in the middle of a turn in a terminal the answer knows its prompt and call, and nothing is left of it', async () => {
  const sessionStore = new InMemorySessionStore();
  const session = await openSession(harness, { sessionStore });
  await runTurn(session, 'stream 3 tokens');
  const events: AgentEvent[] = [];
  const turn = runTurn(session, 'run: touch ran', { onEvent: (event) => events.push(event) });
  await until(() => ofType(events, 'decision_requested').length > 0, { what: 'the question' });
  const left = () => ({
    files: filesIn(join(harness.agent.configDir, 'projects')),
    sessions: filesIn(join(harness.agent.configDir, 'sessions')),
    copies: copies(),
    processes: harness.leftovers('').map(({ pid }) => pid),
  });
  const before = left();
  const asked = harness.model.requests.length;
  const entries = await sessionStore.load({ projectKey: 'chat', sessionId: session.sessionId });
  const { spec, costs } = about(session, 'what did I say');
  expect(await harness.backend.answerAside(spec, never)).toBe('You said: "stream 3 tokens", "run: touch ran".');
  const [request, ...more] = sent(asked);
  expect(more).toEqual([]);
  expect(request).toContain(noResultYet);
  expect(request).toContain(stillWorking);
  expect(costs).toHaveLength(1);
  expect(costs[0]!.costUsd).toBeGreaterThan(0);
  expect(costs[0]!.costUsd).toBeLessThan(0.02);
  expect(left()).toEqual(before);
  expect(await sessionStore.load({ projectKey: 'chat', sessionId: session.sessionId })).toEqual(entries);
  expect(existsSync(join(harness.cwd, 'ran'))).toBe(false);
  session.handle.resolve(ofType(events, 'decision_requested')[0]!.decisionId, { outcome: 'allow' });
  expect((await turn).at(-1)).toMatchObject({ type: 'turn_finished', outcome: 'completed' });
  expect(existsSync(join(harness.cwd, 'ran'))).toBe(true);
  await session.handle.close();
});

test('ASIDE-6: a background task that runs is not reported as stopped', async () => {
  const session = await openSession(harness, { permissionMode: 'bypassPermissions' });
  await runTurn(session, 'start a background task: exec tail -f /dev/null');
  const asked = harness.model.requests.length;
  await harness.backend.answerAside(about(session, 'what did I say').spec, never);
  expect(sent(asked)).toHaveLength(1);
  expect(sent(asked)[0]).not.toContain('NOTIFICATION');
  await session.handle.close();
});

test('ASIDE-6: a session that nobody has begun answers too', async () => {
  const session = await openSession(harness);
  const { spec } = about(session, 'what did I say');
  expect(await harness.backend.answerAside(spec, never)).toBe('You have not said anything before this.');
  await session.handle.close();
});

test('ASIDE-8: a question that is withdrawn ends its request and its process, and is counted', async () => {
  const session = await openSession(harness);
  await runTurn(session, 'stream 3 tokens');
  const { spec, costs } = about(session, 'hold');
  const abort = new AbortController();
  const answer = harness.backend.answerAside(spec, abort.signal);
  answer.catch(() => undefined);
  await until(() => harness.held() === 1, { what: 'the request' });
  expect(harness.leftovers('')).toHaveLength(2);
  abort.abort(new Error('withdrawn'));
  await expect(answer).rejects.toThrow('withdrawn');
  expect(harness.leftovers('')).toHaveLength(1);
  await until(() => harness.held() === 0, { what: 'the end of the request' });
  expect(costs).toHaveLength(1);
  await session.handle.close();
});

test('ASIDE-7: no hook, no server and no tool runs for it, also where the directory is trusted', async () => {
  const ran = (name: string) => join(harness.agent.home, name);
  const hooks = (name: string) => ({
    SessionStart: [{ hooks: [{ type: 'command', command: `touch ${ran(name)}-hook` }] }],
    UserPromptSubmit: [{ hooks: [{ type: 'command', command: `touch ${ran(name)}-hook` }] }],
  });
  await mkdir(join(harness.cwd, '.claude'), { recursive: true });
  await writeFile(join(harness.cwd, '.claude', 'settings.json'), JSON.stringify({ hooks: hooks('project') }));
  const servers = { mcpServers: { own: { command: 'touch', args: [`${ran('project')}-server`] } } };
  await writeFile(join(harness.cwd, '.mcp.json'), JSON.stringify(servers));
  await writeFile(join(harness.cwd, 'CLAUDE.md'), 'The word of the house is lighthouse.');
  const session = await openSession(harness, { trusted: true });
  await runTurn(session, 'stream 3 tokens');
  await until(() => existsSync(`${ran('project')}-hook`), { what: 'the hook of the session itself' });
  await until(() => existsSync(`${ran('project')}-server`), { what: 'the server of the session itself' });
  await rm(`${ran('project')}-hook`);
  await rm(`${ran('project')}-server`);
  await writeFile(join(harness.agent.configDir, 'settings.json'), JSON.stringify({ hooks: hooks('user') }));
  const asked = harness.model.requests.length;
  await harness.backend.answerAside(about(session, 'run: touch ran-aside').spec, never);
  // What the session itself was told of it when it began.
  expect(sent(asked)[0]).toContain('lighthouse');
  expect(['project-hook', 'project-server', 'user-hook'].filter((name) => existsSync(ran(name)))).toEqual([]);
  expect(existsSync(join(harness.cwd, 'ran-aside'))).toBe(false);
  await session.handle.close();
});
