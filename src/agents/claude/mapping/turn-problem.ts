/** Problems with the model API, described by sentences that say what to do. */
import type { SDKAssistantMessageError } from '@anthropic-ai/claude-agent-sdk';
import type { Obstacle } from '../../agent-backend.ts';
import type { ErrorCode } from '../../../protocol/error.ts';
import type { HoldReason } from '../../../protocol/hold.ts';
import type { TurnError } from '../../../protocol/event.ts';
import { oneLine } from './one-line.ts';

/** Kept from an assistant frame until the turn's result. */
export interface TurnProblem {
  readonly kind: SDKAssistantMessageError;
  /** The agent's own message; empty if it gave none. */
  readonly text: string;
}

/** A hook from someone's settings stops the turn, or has refused its prompt. */
export interface HookStop {
  readonly isRefusal: boolean;
  /** The hook's own message; empty if it gave none or it is unknown. */
  readonly reason: string;
}

const problems: Readonly<Record<SDKAssistantMessageError, { code: ErrorCode; message: string }>> = {
  authentication_failed: {
    code: 'agent_login_required',
    message:
      'Claude is not signed in, or its key was not accepted. Sign in with `boocode login` or under Settings in the page, or start the server with ANTHROPIC_API_KEY.',
  },
  oauth_org_not_allowed: {
    code: 'agent_login_required',
    message: "The signed-in account's organization does not allow this. Sign in with another account.",
  },
  verification_required: {
    code: 'agent_login_required',
    message: 'The account must be verified before it can be used. Sign in to it and follow the instructions.',
  },
  cloud_credential_error: {
    code: 'agent_login_required',
    message: "The cloud provider's credentials are missing or were not accepted. Renew them on the server.",
  },
  account_on_hold: { code: 'model_error', message: 'The account is on hold. Its owner must resolve this.' },
  billing_error: {
    code: 'model_error',
    message: "The account's credit or plan does not cover this request. Check its billing.",
  },
  rate_limit: { code: 'model_error', message: 'The rate limit of the model API is reached. Try again later.' },
  overloaded: { code: 'model_error', message: 'The model API is overloaded. Try again later.' },
  invalid_request: { code: 'model_error', message: 'The model API rejected this request.' },
  model_not_found: {
    code: 'model_error',
    message: 'The model does not exist or is not available to this account. Choose another model.',
  },
  server_error: { code: 'model_error', message: 'The model API failed. Try again.' },
  max_output_tokens: { code: 'model_error', message: 'The answer was cut off at the model’s maximum length.' },
  unknown: { code: 'model_error', message: 'The model API failed.' },
};

const maxDetailLength = 1000;

/** The sentence, followed by the agent's own message. */
export function turnError(code: ErrorCode, sentence: string, detail: string): TurnError {
  const words = detail.trim();
  if (words === '') return { code, message: sentence };
  const cut =
    words.length > maxDetailLength ? `${words.slice(0, maxDetailLength).replace(/[\ud800-\udbff]$/, '')}…` : words;
  return { code, message: `${sentence} The agent says: ${cut}` };
}

export function problemError(problem: TurnProblem): TurnError {
  const { code, message } = problems[problem.kind];
  return turnError(code, message, problem.text);
}

/** Why the next prompt would fail for the same reason; undefined if it might not. */
const obstacles: Readonly<Partial<Record<SDKAssistantMessageError, HoldReason>>> = {
  authentication_failed: 'sign_in',
  oauth_org_not_allowed: 'sign_in',
  verification_required: 'sign_in',
  cloud_credential_error: 'sign_in',
  account_on_hold: 'billing',
  billing_error: 'billing',
  rate_limit: 'usage_limit',
  overloaded: 'model_unavailable',
  server_error: 'model_unavailable',
  model_not_found: 'model_not_found',
};

export function problemObstacle(kind: SDKAssistantMessageError, resetsAt: string | null): Obstacle | undefined {
  const reason = obstacles[kind];
  if (reason === undefined) return undefined;
  return reason === 'usage_limit' && resetsAt !== null ? { reason, resetsAt } : { reason };
}

export function tooLongError(detail: string): TurnError {
  const sentence =
    'This is larger than the model accepts, and so is anything sent after it. Take the prompt back to continue from before it.';
  return turnError('context_exceeded', sentence, detail);
}

/** A rule that someone chose: nothing is wrong with the agent, and the next prompt may work. */
export function hookStopError(stop: HookStop | null): TurnError {
  const what = stop?.isRefusal ? 'A hook refused this prompt' : 'A hook stopped this turn';
  const words = oneLine(stop?.reason ?? '', maxDetailLength);
  return { code: 'hook_stopped', message: words === '' ? `${what}.` : `${what}: ${words}` };
}

export function isProblemKind(value: unknown): value is SDKAssistantMessageError {
  return typeof value === 'string' && Object.hasOwn(problems, value);
}

/** The kind of a problem when only the HTTP status is known. */
export function kindOfStatus(status: number): SDKAssistantMessageError {
  if (status === 401) return 'authentication_failed';
  if (status === 402) return 'billing_error';
  if (status === 404) return 'model_not_found';
  if (status === 429) return 'rate_limit';
  if (status === 529) return 'overloaded';
  if (status >= 400 && status < 500) return 'invalid_request';
  return status >= 500 ? 'server_error' : 'unknown';
}
