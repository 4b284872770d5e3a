import { readFileSync, writeFileSync } from 'node:fs';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '../../scripts/openapi-document.ts';
import { createTestApp, testToken } from '../../test/support/test-app.ts';
import { createRoutes } from './app.ts';
import { createTickets } from './tickets.ts';

interface Operation {
  operationId: string;
  responses: Record<string, { description: string }>;
}

const root = new URL('../../', import.meta.url);
const file = new URL('openapi.json', root);
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };

describe('the OpenAPI page', () => {
  const { chats, codes, log, ...test } = createTestApp();
  const made = openApiDocument(
    createRoutes({ chats, signInCodes: codes, log, access: { token: testToken } }, createTickets()),
    version,
  );

  it('matches the routes: refresh it with UPDATE_OPENAPI=1 npx vitest run src/http/openapi.test.ts', () => {
    if (process.env['UPDATE_OPENAPI'] === '1') writeFileSync(file, made);
    const isStale = readFileSync(file, 'utf8') !== made;
    expect(isStale ? 'openapi.json is stale: UPDATE_OPENAPI=1 npx vitest run src/http/openapi.test.ts' : '').toBe('');
  });

  it('is served exactly as checked in', async () => {
    const response = await test.call('GET', '/v1/openapi.json');
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.text()).toBe(readFileSync(file, 'utf8'));
  });

  it('passes the recommended rules of Redocly', async () => {
    const config = await createConfig({ extends: ['recommended'] });
    const problems = await lintFromString({ source: made, absoluteRef: 'openapi.json', config });
    expect(
      problems.map(({ ruleId, severity, message, location }) => [ruleId, severity, message, location[0]?.pointer]),
    ).toEqual([]);
  });

  it('gives every operation a unique name, and lists all its refusals', () => {
    const { paths } = JSON.parse(made) as { paths: Record<string, Record<string, Operation>> };
    const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
    const ids = operations.map(({ operationId }) => operationId);
    expect(ids.filter((id, index) => !/^[a-z][A-Za-z]+$/.test(id) || ids.indexOf(id) !== index)).toEqual([]);
    const responses = paths['/v1/decisions/{decisionId}']?.['post']?.responses ?? {};
    expect(Object.keys(responses)).toEqual([
      '200',
      '400',
      '401',
      '403',
      '404',
      '408',
      '409',
      '413',
      '415',
      '429',
      '503',
      'default',
    ]);
    expect(responses['409']?.description).toContain('`decision_settled`');
  });

  it('describes every route with its policy, its parameters and its errors', () => {
    const { paths } = JSON.parse(made) as { paths: Record<string, Record<string, { security: object[] }>> };
    const events = paths['/v1/chats/{chatId}/events']?.['get'];
    expect(events).toMatchObject({
      security: [{ token: [] }],
      parameters: expect.arrayContaining([
        expect.objectContaining({ name: 'limit', in: 'query', schema: expect.objectContaining({ type: 'integer' }) }),
      ]) as object,
      responses: {
        200: { content: { 'application/json': {}, 'text/event-stream': {} } },
        default: { content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
      },
    });
    expect(paths['/healthz']?.['get']?.security).toEqual([]);
  });
});
