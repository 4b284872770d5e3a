import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, nextEvent, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;
let chatId: string;

// One chat goes through every error, which also shows that the next prompt works.
beforeAll(async () => {
  // The program retries up to ten times with growing pauses; one retry shows the same.
  server = await openServer({ agentEnv: { CLAUDE_CODE_MAX_RETRIES: '1' } });
  ({ id: chatId } = await server.createChat());
});
afterAll(() => server.close());

async function worksAgain(): Promise<void> {
  const { finished, text } = await runTurn(server.client, chatId, 'who are you');
  expect(finished.outcome).toBe('completed');
  expect(text).toContain('scripted demo model');
}

describe('TURN-5: a model that fails ends the turn with a code and a sentence, and the next prompt works', () => {
  test.each([
    ['fail 401', 'agent_login_required', /invalid x-api-key|authenticat|log ?in|API key/i],
    ['fail 400', 'model_error', /not valid/],
    ['fail 403', 'agent_login_required', /may not use|log ?in|permission/i],
    ['fail 404', 'model_error', /model/],
    ['fail 413', 'context_exceeded', /too large/i],
    ['fail 429', 'model_error', /limit|Too many requests/i],
    ['fail 500', 'model_error', /Internal server error/],
    ['fail 529', 'model_error', /overloaded/i],
    ['refuse', 'model_error', /safeguards/],
    ['cut the stream', 'model_error', /connection|closed|stream|socket|incomplete/i],
    ['malformed sse', 'model_error', /JSON|stream|parse/i],
    ['break the stream', 'model_error', /overloaded/i],
  ])('%s', async (prompt, code, sentence) => {
    const { finished } = await runTurn(server.client, chatId, prompt);
    expect(finished.outcome).toBe('failed');
    expect(finished.error).toMatchObject({ code });
    expect(finished.error?.message).toMatch(sentence);
    await worksAgain();
  });
});

describe('a temporary problem', () => {
  test.each(['fail 429 once', 'fail 529 once', 'cut the stream once'])('%s is retried and reported', async (prompt) => {
    const { finished, events, text } = await runTurn(server.client, chatId, prompt);
    expect(finished).toMatchObject({ outcome: 'completed' });
    expect(text).toMatch(/Now/);
    expect(eventsOf(events, 'notice').length).toBeGreaterThan(0);
  });
});

test('TURN-3 TURN-5: a silent model is interrupted, and the next prompt works', async () => {
  const { client, model } = server;
  const { seq } = await client.prompt(chatId, { content: 'silence' });
  await until(() => model.requests.at(-1)?.script === 'silence');
  expect(await client.interrupt(chatId)).toMatchObject({ interrupted: true });
  const finished = await nextEvent(client, chatId, 'turn_finished', { after: seq });
  expect(finished.outcome).toBe('interrupted');
  await worksAgain();
});
