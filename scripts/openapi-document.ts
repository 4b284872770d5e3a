/** The OpenAPI document, generated from the same route values as the server. */
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponsesObject } from 'zod-openapi';
import { problem, statusOf } from '../src/http/problem.ts';
import { type Policy, refusalsOf, type Route, type RouteResponse } from '../src/http/route.ts';
import type { Role } from '../src/protocol/principal.ts';
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
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // The server that returned this document.
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        link: {
          type: 'http',
          scheme: 'bearer',
          description: 'The secret of a link to one chat, which opens nothing else.',
        },
        ticket: { type: 'apiKey', in: 'header', name: 'sec-websocket-protocol' },
      },
    },
  });
  return `${JSON.stringify(document, null, 2)}\n`;
}

const securityOf: Partial<Record<Policy, Record<string, string[]>[]>> = {
  bearer: [{ token: [] }],
  link: [{ link: [] }],
  ticket: [{ token: [] }, { ticket: [] }],
};

const forWhom: Record<Role, string> = {
  owner: 'For owners.',
  member: 'For owners and members.',
  viewer: 'For everybody with a token: owners, members and viewers.',
};

function operationOf(route: Route): ZodOpenApiOperationObject {
  const { id, policy, role, summary, responses, schemas } = route;
  const operation: ZodOpenApiOperationObject = {
    operationId: id,
    summary,
    ...(role && { description: forWhom[role] }),
    security: securityOf[policy] ?? [],
    requestParams: {
      ...(schemas.params && { path: schemas.params as z.ZodObject }),
      ...(schemas.query && { query: schemas.query as z.ZodObject }),
      ...(schemas.headers && { header: schemas.headers as z.ZodObject }),
    },
    responses: {
      ...Object.fromEntries(Object.entries(responses).map(([status, answer]) => [status, responseOf([answer].flat())])),
      ...refusals(route),
      default: problemOf('What went wrong; `code` is stable.'),
    } as ZodOpenApiResponsesObject,
  };
  if (schemas.body)
    operation.requestBody = { required: true, content: { 'application/json': { schema: schemas.body } } };
  return operation;
}

/** By status, each with its possible codes. */
function refusals(route: Route): ZodOpenApiResponsesObject {
  const texts: Record<number, string[]> = {};
  for (const code of refusalsOf(route)) {
    const { status, title } = statusOf[code];
    (texts[status] ??= []).push(`\`${code}\`: ${title}.`);
  }
  return Object.fromEntries(Object.entries(texts).map(([status, some]) => [status, problemOf(some.join(' '))]));
}

function problemOf(description: string) {
  return { description, content: { 'application/problem+json': { schema: problem } } };
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
