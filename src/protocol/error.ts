/**
 * Every outcome a caller can act on has a code. Codes are part of the wire contract and never change their meaning.
 * Only `http/problem.ts` maps codes to HTTP statuses.
 */
export const errorCodes = [
  'invalid_request', // a field is missing, of the wrong type or out of range; `field` names it
  'invalid_json',
  'unsupported_media_type',
  'payload_too_large',
  'headers_too_large', // the request line and the headers, or their number
  'request_timeout', // the body arrived too slowly
  'unauthorized',
  'too_many_attempts', // too many wrong credentials; a valid one is still accepted
  'provider_failed', // the identity provider of single sign-on cannot be reached, or used
  'quota_exceeded', // one person has, or has asked for, more than the server allows; `quota` says of what
  'forbidden_host',
  'forbidden_origin',
  'forbidden', // your role does not allow this; `needs` says which one does
  'not_found',
  'method_not_allowed',
  'cwd_invalid', // the working directory is missing, not a directory or not readable
  'workspace_missing', // this host does not have the chat's directory, or has something else in its place
  'prompt_conflict', // this prompt id was used with a different body
  'prompt_taken', // the prompt is no longer waiting: its turn has started, or it was cancelled
  'session_taken', // a chat already has this session; `chatId` names it
  'trust_refused', // the directory contains more than can be inspected, or different files than those to be trusted
  'decision_settled', // someone else answered first; `decision` contains the winner
  'upgrade_required', // this path is a WebSocket
  'backend_unavailable', // no backend can run this chat here; the message says how to enable one
  'terminal_unavailable', // this chat has no terminal to attach to, or none is available here; the message says why
  'aside_unavailable', // the chat's engine cannot answer side questions, or not now; the message says why
  'chat_busy', // the chat is busy with something that excludes this
  'log_replaced', // the cursor is of another log than the chat has now, as after a restore of the database; read from the start
  'worktree_refused', // nothing was done with the chat's worktree, or it was not made; `reason` says why
  'changes_unavailable', // what has changed in the chat's directory cannot be told; `reason` says why
  'change_refused', // nothing was staged, discarded or committed; `reason` says why
  'files_changed', // the files are not as they were shown any more; look again
  'chat_elsewhere', // another host holds this chat's lease
  'host_unreachable', // another host holds this chat's lease and cannot be reached; `wasSent` says whether it may have done it
  'wrong_host', // another host has sent this request to an address that is not that of the host it is for
  'host_unavailable', // the chat cannot move to that host: it does not exist, is silent or draining, or lacks the chat's backend
  'agent_failed', // the agent process could not start, or died
  'agent_login_required',
  'model_error', // the model API refused or aborted; `reason` says how
  'hook_stopped', // a hook in the agent's settings refused the prompt, or stopped the turn
  'context_exceeded', // a prompt, or the conversation, is longer than the model accepts and cannot be compacted; rewind to continue
  'budget_spent', // a budget of the chat or the server is spent; `budget` says which
  'host_restarted', // the host ended while a turn was running
  'query_timeout', // the database responds, but the query took too long and was cancelled
  'storage_unavailable', // the database is unreachable or accepts no writes
  'starting', // the server has taken its port, but is not ready
  'shutting_down',
  'config_invalid',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** The one error type of the project: a code for programs, a sentence for people, details for both. */
export class BooError extends Error {
  override readonly name = 'BooError';
  readonly code: ErrorCode;
  /** JSON-safe facts about the error, for example `{field: 'cwd'}`. Never a secret. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** The error unchanged, or wrapped as `internal` with its cause. */
export function toBooError(error: unknown): BooError {
  if (error instanceof BooError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new BooError('internal', message, { cause: error });
}
