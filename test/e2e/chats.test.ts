import { readdirSync } from 'node:fs';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chat as chatSchema, chatPage } from '../../src/protocol/chat.ts';
import { health, info } from '../../src/protocol/info.ts';
import { ownAgents } from '../support/processes.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, nextDelta, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;

beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

describe('the server itself', () => {
  test('ACCESS-1: health is open, and everything else requires the token', async () => {
    const open = await server.call('GET', '/healthz', { headers: { authorization: '' } });
    expect([open.status, health.parse(open.body)]).toEqual([200, { status: 'ok', name: 'boocode' }]);
    for (const path of ['/v1/info', '/v1/chats', '/v1/openapi.json', '/v1/decisions']) {
      const refused = await server.call('GET', path, { headers: { authorization: 'Bearer wrong' } });
      expect([path, refused.status, refused.body['code']]).toEqual([path, 401, 'unauthorized']);
      expect(refused.headers.get('content-type')).toBe('application/problem+json');
    }
  });

  test('describes itself, and serves the checked-in OpenAPI document', async () => {
    const told = await server.call('GET', '/v1/info');
    expect(info.parse(told.body)).toMatchObject({ name: 'boocode', demo: false, defaultBackend: 'claude_sdk' });
    const page = await server.call('GET', '/v1/openapi.json');
    const kept: unknown = JSON.parse(await readFile(new URL('../../openapi.json', import.meta.url), 'utf8'));
    expect(page.body).toEqual(kept);
  });
});

describe('a chat', () => {
  test('is created with 201 in the shape of the contract, with the real path of its working directory', async () => {
    const target = join(server.workDir, 'real');
    await mkdir(target);
    await symlink(target, join(server.workDir, 'link'));
    const created = await server.call('POST', '/v1/chats', {
      body: { cwd: join(server.workDir, 'link', '..', 'link'), title: ' Named ', model: 'claude-sonnet-4-5' },
    });
    const chat = chatSchema.parse(created.body);
    expect([created.status, created.headers.get('location')]).toEqual([201, `/v1/chats/${chat.id}`]);
    expect(chat).toMatchObject({
      title: 'Named',
      cwd: target,
      agent: 'claude',
      backend: 'claude_sdk',
      model: 'claude-sonnet-4-5',
      permissionMode: 'default',
      trusted: false,
      acceptsAgentMessages: false,
      state: 'cold',
      costUsd: 0,
      head: 0,
    });
    expect((await server.call('GET', `/v1/chats/${chat.id}`)).body).toEqual(created.body);
  });

  test('is listed once, newest first, across pages', async () => {
    const made: string[] = [];
    for (let count = 0; count < 5; count += 1) made.unshift((await server.createChat({ title: `№ ${count}` })).id);
    const listed: string[] = [];
    for (let after = ''; ;) {
      const page = chatPage.parse((await server.call('GET', `/v1/chats?limit=2${after}`)).body);
      listed.push(...page.items.map((each) => each.id));
      if (page.next === null) break;
      after = `&after=${page.next}`;
    }
    expect(listed.slice(0, 5)).toEqual(made);
    expect(new Set(listed).size).toBe(listed.length);
  });

  test('goes from cold to ready and reports its cost; its first prompt names it', async () => {
    const { client } = server;
    const chat = await server.createChat();
    expect(chat.title).toBe('work');
    const { finished, events } = await runTurn(client, chat.id, 'who are you');
    expect(finished.costUsd).toBeGreaterThan(0);
    const after = await until(async () => {
      const now = await client.getChat(chat.id);
      return now.state === 'ready' && now;
    });
    expect(after).toMatchObject({ title: 'who are you', costUsd: finished.costUsd, head: finished.seq });
    expect(eventsOf(events, 'session_started')).toMatchObject([{ backend: 'claude_sdk' }]);
  });

  test('TURN-4: costs the sum of its turns, each counted once, even across restarts', async () => {
    const chat = await server.createChat();
    const costs: number[] = [];
    for (const prompt of ['think', 'who are you', 'what did I say']) {
      const { finished } = await runTurn(server.client, chat.id, prompt);
      costs.push(finished.costUsd);
      await server.restart();
    }
    expect(Math.min(...costs)).toBeGreaterThan(0);
    const total = costs.reduce((sum, cost) => sum + cost, 0);
    expect((await server.client.getChat(chat.id)).costUsd).toBeCloseTo(total, 9);
    const [session] = await server.sql`select model_usage from boocode.agent_sessions where chat_id = ${chat.id}`;
    const models = Object.values(JSON.parse(String(session?.['model_usage'])) as Record<string, { costUsd: number }>);
    expect(models.reduce((sum, model) => sum + model.costUsd, 0)).toBeCloseTo(total, 9);
  });

  test('is changed with PATCH, which is recorded in its log', async () => {
    const chat = await server.createChat();
    const changed = await server.call('PATCH', `/v1/chats/${chat.id}`, { body: { title: 'Renamed', trusted: true } });
    expect(changed.status).toBe(200);
    expect(chatSchema.parse(changed.body)).toMatchObject({ title: 'Renamed', trusted: true, head: 1 });
    expect(await readLog(server.client, chat.id)).toMatchObject([
      { seq: 1, type: 'chat_updated', title: 'Renamed', trusted: true },
    ]);
  });

  test('is deleted with everything said in it, and its agent process ends', async () => {
    const { client, sql, agent } = server;
    const chat = await server.createChat();
    const { events } = await runTurn(client, chat.id, 'write secret.txt: hush', {
      answer: () => ({ outcome: 'allow' }),
    });
    const sessionId = eventsOf(events, 'session_started')[0]?.sessionId ?? '';
    const kept = readdirSync(join(agent.configDir, 'projects'), { recursive: true, encoding: 'utf8' });
    expect(kept.filter((path) => path.endsWith(`${sessionId}.jsonl`))).toHaveLength(1);
    const others = ownAgents().length - 1;
    await client.prompt(chat.id, { content: 'hold' });
    await nextDelta(client, chat.id);

    const gone = await server.call('DELETE', `/v1/chats/${chat.id}`);
    expect([gone.status, gone.body]).toEqual([204, {}]);
    expect(ownAgents()).toHaveLength(others);
    expect((await server.call('GET', `/v1/chats/${chat.id}`)).status).toBe(404);
    expect((await server.call('GET', `/v1/chats/${chat.id}/events`)).status).toBe(404);
    expect((await server.call('DELETE', `/v1/chats/${chat.id}`)).status).toBe(404);
    const tables = ['events', 'prompts', 'turns', 'decisions', 'agent_sessions'];
    for (const table of tables) {
      expect([table, await sql`select from ${sql(table)} where chat_id = ${chat.id}`]).toEqual([table, []]);
    }
    for (const table of ['claude_session_entries', 'claude_session_summaries']) {
      expect([table, await sql`select from ${sql(table)} where project_key = ${chat.id}`]).toEqual([table, []]);
    }
    const left = readdirSync(agent.configDir, { recursive: true, encoding: 'utf8' });
    expect(left.filter((path) => path.includes(sessionId))).toEqual([]);
  });
});
