/** The OpenAPI page, made from the same route values that the server is made from. */
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponsesObject } from 'zod-openapi';
import { problem } from '../src/http/problem.ts';
import type { Policy, Route, RouteResponse } from '../src/http/route.ts';
import { delta, resume } from '../src/protocol/event.ts';
import { terminalClientMessage } from '../src/protocol/terminal.ts';
import type { z } from 'zod';

export function openApiDocument(routes: readonly Route[], version: string): string {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  const document = createDocument({
    openapi: '3.1.0',
    info: {
      title: 'BooCode',
      version,
      description: 'A self-hosted server for coding-agent chats: warm, durable, followed and steered from anywhere.',
    },
    paths,
    components: {
      // The frames of the live feed, and the messages of a terminal, that no JSON answer holds.
      schemas: { Resume: resume, Delta: delta, TerminalClientMessage: terminalClientMessage },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        ticket: { type: 'apiKey', in: 'header', name: 'sec-websocket-protocol' },
      },
    },
  });
  return `${JSON.stringify(document, null, 2)}\n`;
}

const securityOf: Partial<Record<Policy, Record<string, string[]>[]>> = {
  bearer: [{ token: [] }],
  ticket: [{ token: [] }, { ticket: [] }],
};

function operationOf({ policy, summary, responses, schemas }: Route): ZodOpenApiOperationObject {
  const operation: ZodOpenApiOperationObject = {
    summary,
    security: securityOf[policy] ?? [],
    requestParams: {
      ...(schemas.params && { path: schemas.params as z.ZodObject }),
      ...(schemas.query && { query: schemas.query as z.ZodObject }),
      ...(schemas.headers && { header: schemas.headers as z.ZodObject }),
    },
    responses: {
      ...Object.fromEntries(Object.entries(responses).map(([status, answer]) => [status, responseOf([answer].flat())])),
      default: {
        description: 'What went wrong; `code` is stable.',
        content: { 'application/problem+json': { schema: problem } },
      },
    } as ZodOpenApiResponsesObject,
  };
  if (schemas.body)
    operation.requestBody = { required: true, content: { 'application/json': { schema: schemas.body } } };
  return operation;
}

function responseOf(answers: RouteResponse[]) {
  const content = answers.flatMap(({ contentType = 'application/json', schema }) =>
    schema ? [[contentType, { schema }]] : [],
  );
  return {
    description: answers.map((answer) => answer.description).join(' '),
    ...(content.length > 0 && { content: Object.fromEntries(content) as Record<string, { schema: z.ZodType }> }),
  };
}
