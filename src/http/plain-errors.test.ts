// Errors about a body are never in the schema library's own words, whatever is wrong with it.
import { expect, it } from 'vitest';
import { z } from 'zod';
import { createTestApp } from '../../test/support/test-app.ts';
import { schemasWords } from '../../test/support/schemas-words.ts';
import { declaredFor } from './app.ts';
import type { Route } from './route.ts';

const testApp = createTestApp();
const routes = testApp.app.routes.flatMap(({ handler }): Route[] => {
  const declared = declaredFor(handler);
  return declared === undefined || declared === 'guard' ? [] : [declared];
});

const long = 'x'.repeat(5000);
const wrongValues: readonly unknown[] = [
  [null, true, 0, -1, 1.5, '', ' ', 'x', 'http:', long, '\u0000'],
  [[], [1], [[]], ['', 'x'], Array(101).fill('x'), {}, { type: 'x' }, { type: 'text' }, { type: 'text', text: 1 }],
  [[{ type: 'text' }], [{ type: 'image', mimeType: 'x', data: '!' }], [{ type: 'image', data: 1 }], [{ text: 'x' }]],
].flat();

/** The names of all fields in a JSON schema, however deep. */
function fieldsOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties } = schema as { properties?: object };
  return [...new Set([...Object.keys(properties ?? {}), ...Object.values(schema).flatMap(fieldsOf)])];
}

const bodies = routes.flatMap((route) => {
  const schema = route.schemas.body;
  if (schema === undefined) return [];
  const fields = fieldsOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  const valid = { cwd: '/', outcome: 'allow', content: 'x' };
  const known = Object.fromEntries(Object.entries(valid).filter(([name]) => fields.includes(name)));
  const wrong = fields.flatMap((field) => wrongValues.map((value) => ({ ...known, [field]: value })));
  return [{ route, wrong: [...wrongValues, { unknown: 1 }, ...wrong] }];
});

it.each(bodies)('ACCESS-5: $route.method $route.path refuses a body in plain words', async ({ route, wrong }) => {
  const path = route.path.replaceAll(/\{\w+\}/g, '11111111-1111-4111-8111-111111111111');
  expect(wrong.length).toBeGreaterThan(wrongValues.length);
  for (const body of wrong) {
    const response = await testApp.call(route.method, path, { body });
    // Accepted, or refused for another reason than the body.
    if (response.ok || response.status === 404 || response.status === 409) continue;
    const { detail } = (await response.json()) as { detail: string };
    const about = `${JSON.stringify(body).slice(0, 120)} was told: ${detail}`;
    expect(schemasWords.test(detail) ? about : '').toBe('');
    expect(/^\S+: (must|is|goes|holds|no )/.test(detail) || !detail.includes(':') ? '' : about).toBe('');
  }
});

it.each([
  [{ cwd: '/', agent: 'X' }, 'agent: must be a name as in GET /v1/info'],
  [{}, 'cwd: is required'],
])('ACCESS-5: a chat from %j is refused with: %s', async (body, detail) => {
  expect(await (await testApp.call('POST', '/v1/chats', { body })).json()).toMatchObject({ detail });
});

it.each([
  [{}, 'content: is required'],
  [{ content: [{ type: 'x' }] }, 'content[0].type: must be one of text, image'],
])('ACCESS-5: a prompt from %j is refused with: %s', async (body, detail) => {
  const path = '/v1/chats/11111111-1111-4111-8111-111111111111/prompts';
  expect(await (await testApp.call('POST', path, { body })).json()).toMatchObject({ detail });
});

it.each([
  ['/v1/chatz', 'This path does not exist on this server.'],
  ['/v1/chats/abc', 'chatId: must be a UUID'],
  ['/v1/chats/abc/events', 'chatId: must be a UUID'],
  ['/assets/none.js', 'This file does not exist on this server.'],
])('a path that matches nothing gets an explanation: %s', async (path, detail) => {
  const response = await testApp.call('GET', path);
  expect([response.status, await response.json()]).toEqual([
    404,
    expect.objectContaining({ code: 'not_found', detail }),
  ]);
});
