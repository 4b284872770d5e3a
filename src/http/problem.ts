/** The only place that knows which HTTP status an error code has. */
import { z } from 'zod';
import type { Log } from '../lib/log.ts';
import { BooError, errorCodes, toBooError, type ErrorCode } from '../protocol/error.ts';

export const statusOf: Readonly<Record<ErrorCode, { status: number; title: string }>> = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  invalid_json: { status: 400, title: 'The body is not valid JSON' },
  unsupported_media_type: { status: 415, title: 'The body must be JSON' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  request_timeout: { status: 408, title: 'The request came too slowly' },
  unauthorized: { status: 401, title: 'A valid token is required' },
  too_many_attempts: { status: 429, title: 'Too many wrong credentials' },
  provider_failed: { status: 502, title: 'The identity provider failed' },
  quota_exceeded: { status: 429, title: 'The quota is used up' },
  forbidden_host: { status: 403, title: 'The host name is not allowed' },
  forbidden_origin: { status: 403, title: 'The origin is not allowed' },
  forbidden: { status: 403, title: 'Your role does not allow this' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  upgrade_required: { status: 426, title: 'This path is a WebSocket' },
  cwd_invalid: { status: 400, title: 'The working directory cannot be used' },
  workspace_missing: { status: 409, title: 'This host does not have the chat’s directory' },
  prompt_conflict: { status: 409, title: 'This prompt id was used with another body' },
  prompt_taken: { status: 409, title: 'The prompt is no longer waiting' },
  session_taken: { status: 409, title: 'A chat already has this session' },
  trust_refused: { status: 409, title: 'The directory cannot be trusted like this' },
  decision_settled: { status: 409, title: 'The decision is settled' },
  backend_unavailable: { status: 409, title: 'No backend can run this chat' },
  terminal_unavailable: { status: 409, title: 'There is no terminal to attach to' },
  aside_unavailable: { status: 409, title: 'Side questions are not answered here' },
  chat_busy: { status: 409, title: 'The chat is busy' },
  log_replaced: { status: 409, title: 'The chat has another log than this cursor' },
  worktree_refused: { status: 409, title: 'The worktree stays as it is' },
  changes_unavailable: { status: 409, title: 'The changes cannot be told' },
  change_refused: { status: 409, title: 'The change was refused' },
  files_changed: { status: 409, title: 'The files have changed meanwhile' },
  chat_elsewhere: { status: 409, title: 'Another host runs this chat' },
  host_unreachable: { status: 503, title: 'The host of this chat cannot be reached' },
  wrong_host: { status: 421, title: 'This is another host' },
  host_unavailable: { status: 409, title: 'The host cannot take the chat' },
  agent_failed: { status: 502, title: 'The agent failed' },
  agent_login_required: { status: 502, title: 'The agent must sign in' },
  model_error: { status: 502, title: 'The model failed' },
  hook_stopped: { status: 409, title: 'A hook stopped the turn' },
  context_exceeded: { status: 409, title: 'The conversation is too long for the model' },
  budget_spent: { status: 402, title: 'The budget is spent' },
  host_restarted: { status: 503, title: 'The host restarted' },
  query_timeout: { status: 503, title: 'The database took too long' },
  storage_unavailable: { status: 503, title: 'The database is unavailable' },
  starting: { status: 503, title: 'The server is starting' },
  shutting_down: { status: 503, title: 'The server is shutting down' },
  config_invalid: { status: 500, title: 'The server is not set up correctly' },
  internal: { status: 500, title: 'Internal error' },
};

export const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    /** One sentence for people. */
    detail: z.string(),
    /** Stable, for programs. */
    code: z.enum(errorCodes),
    /** The field, query parameter or header that is wrong. */
    field: z.string().optional(),
  })
  .meta({ id: 'Problem' });

/** The response to an error. Details not meant for clients (any 500) are logged instead. */
export function problemResponse(thrown: unknown, log: Log): Response {
  const error = toBooError(thrown);
  const { status, title } = statusOf[error.code];
  if (status === 500) log.error({ err: error }, 'A request failed.');
  const facts =
    status === 500
      ? { detail: 'An internal error occurred. See the server’s log.' }
      : { ...error.details, detail: error.message };
  const body = { ...facts, type: `urn:boocode:problem:${error.code}`, title, status, code: error.code };
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' };
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  if (error.code === 'starting') headers['retry-after'] = '1';
  if (status === 426) headers['upgrade'] = 'websocket';
  if ('retryAfterSeconds' in error.details) headers['retry-after'] = String(error.details['retryAfterSeconds']);
  const allow = error.code === 'method_not_allowed' ? error.details['allow'] : undefined;
  if (Array.isArray(allow)) headers['allow'] = allow.join(', ');
  return new Response(JSON.stringify(body), { status, headers });
}

export function notFound(what: string): BooError {
  return new BooError('not_found', `${what} does not exist.`);
}
