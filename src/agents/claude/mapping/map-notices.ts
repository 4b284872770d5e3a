/** Frames that inform a person and change nothing else. */
import type {
  SDKAPIRetryMessage,
  SDKAuthStatusMessage,
  SDKElicitationCompleteMessage,
  SDKHookResponseMessage,
  SDKInformationalMessage,
  SDKLocalCommandOutputMessage,
  SDKMirrorErrorMessage,
  SDKModelRefusalFallbackMessage,
  SDKModelRefusalNoFallbackMessage,
  SDKNotificationMessage,
  SDKPermissionDeniedMessage,
  SDKPluginInstallMessage,
  SDKRateLimitEvent,
  SDKSessionWritesLostMessage,
} from '@anthropic-ai/claude-agent-sdk';
import type { AgentEvent } from '../../agent-backend.ts';
import { cutText } from './bounded-output.ts';
import { isoTime } from './iso-time.ts';
import { asAmount, asCount, asList, asRecord, asText } from './loose-json.ts';
import { type Mapped, mapped, type MappingState, withHookStop } from './mapping-state.ts';
import { notice } from './notice.ts';
import { oneLine } from './one-line.ts';
import { withdrawnIds } from './withdrawal.ts';

const maxLineLength = 2000;

function line(value: unknown, fallback: string): string {
  const text = asText(value);
  return text === undefined ? fallback : oneLine(text, maxLineLength);
}

export function mapApiRetry(frame: SDKAPIRetryMessage, state: MappingState): Mapped {
  const status = asCount(frame.error_status);
  const delayMs = asCount(frame.retry_delay_ms);
  const waitedMs = asCount(asRecord(frame.no_response)['waited_ms']);
  const silence = waitedMs === undefined ? 'no answer' : `no answer for ${Math.round(waitedMs / 1000)} s`;
  const reason = [status === undefined ? silence : `HTTP ${status}`, asText(frame.error)]
    .filter((part) => part !== undefined && part !== 'unknown')
    .join(', ');
  const attempt = asCount(frame.attempt);
  const maxAttempts = asCount(frame.max_retries);
  const count = attempt === undefined ? '' : ` ${attempt}${maxAttempts === undefined ? '' : ` of ${maxAttempts}`}`;
  const wait = delayMs === undefined ? '' : ` in ${(delayMs / 1000).toFixed(1)} s`;
  const message = `The model API failed (${reason}). Retry${count} starts${wait}.`;
  const data = { attempt, maxAttempts, delayMs, status, error: asText(frame.error), reason: line(reason, '') };
  return mapped(state, notice('warning', 'api_retry', message, data));
}

const limitNames: Readonly<Record<string, string>> = {
  five_hour: 'five-hour limit',
  seven_day: 'weekly limit',
  seven_day_opus: 'weekly Opus limit',
  seven_day_sonnet: 'weekly Sonnet limit',
  seven_day_overage_included: 'weekly limit',
  overage: 'extra usage limit',
};

export function mapRateLimit(frame: SDKRateLimitEvent, state: MappingState): Mapped {
  const info = asRecord(frame.rate_limit_info);
  const status = asText(info['status']);
  if (status === undefined || status === 'allowed') return mapped(state);
  const type = asText(info['rateLimitType']);
  const name = type !== undefined && Object.hasOwn(limitNames, type) ? limitNames[type] : 'rate limit';
  const resetsAt = isoTime(info['resetsAt']);
  const until = resetsAt === undefined ? '' : ` It resets at ${resetsAt}.`;
  const rejected = status === 'rejected';
  const message = `The plan's ${name} is ${rejected ? 'reached' : 'nearly reached'}.${until}`;
  const data = { status, limit: type, resetsAt, utilization: asAmount(info['utilization']) };
  const next = rejected ? { ...state, turn: { ...state.turn, limitResetsAt: resetsAt ?? null } } : state;
  return mapped(next, notice(rejected ? 'error' : 'warning', 'rate_limited', message, data));
}

export function mapMirrorError(frame: SDKMirrorErrorMessage, state: MappingState): Mapped {
  const message = `Part of the transcript could not be stored: ${line(frame.error, 'no cause given')}`;
  const data = { subpath: asRecord(frame.key)['subpath'] };
  return { ...mapped(state, notice('error', 'transcript_not_stored', message, data)), mirrorFailed: true };
}

export function mapSessionWritesLost(frame: SDKSessionWritesLostMessage, state: MappingState): Mapped {
  const lost = asList(frame.lost).flatMap((name) => asText(name) ?? []);
  const message = `The agent could not save its own files (${line(frame.error_code, 'no cause given')}).`;
  return mapped(state, notice('error', 'session_writes_lost', message, { lost }));
}

export function mapRefusalFallback(frame: SDKModelRefusalFallbackMessage, state: MappingState): Mapped {
  const ids = withdrawnIds(state.turn.delivered, frame.retracted_message_uuids);
  const fallback = `The model refused; ${line(frame.fallback_model, 'another model')} answers instead.`;
  const data = {
    originalModel: asText(frame.original_model),
    fallbackModel: asText(frame.fallback_model),
    scope: asText(frame.scope),
    category: asText(frame.api_refusal_category),
    ids: ids.length > 0 ? ids : undefined,
  };
  return mapped(state, notice('warning', 'model_refusal', line(frame.content, fallback), data));
}

/** Another model answers instead of the selected one, which is tried first again in the next turn. */
export function mapModelFallback(frame: object, state: MappingState): Mapped {
  const { content, original_model, fallback_model, trigger } = frame as Readonly<Record<string, unknown>>;
  const message = line(content, `${line(fallback_model, 'Another model')} answers instead.`);
  const data = {
    originalModel: asText(original_model),
    fallbackModel: asText(fallback_model),
    trigger: asText(trigger),
  };
  return mapped(state, notice('warning', 'model_fallback', message, data));
}

export function mapRefusal(frame: SDKModelRefusalNoFallbackMessage, state: MappingState): Mapped {
  const data = { originalModel: asText(frame.original_model), category: asText(frame.api_refusal_category) };
  return mapped(
    state,
    notice('warning', 'model_refusal', line(frame.content, 'The model refused this request.'), data),
  );
}

export function mapPermissionDenied(frame: SDKPermissionDeniedMessage, state: MappingState): Mapped {
  const tool = line(frame.tool_name, 'A tool');
  const reason = line(frame.decision_reason ?? frame.message, 'the permission rules do not allow it');
  const data = { toolCallId: asText(frame.tool_use_id), toolName: asText(frame.tool_name) };
  return mapped(
    state,
    notice('warning', 'permission_denied', `${tool} was not run, and no one was asked: ${reason}`, {
      ...data,
      reasonType: asText(frame.decision_reason_type),
    }),
  );
}

export function mapInformational(frame: SDKInformationalMessage, state: MappingState): Mapped {
  const text = asText(frame.content);
  if (text === undefined) return { events: [], state, dropped: ['informational/empty'] };
  const level = frame.level === 'warning' || frame.prevent_continuation === true ? 'warning' : 'info';
  const { kind, reason } = asRecord(asRecord(frame)['prompt_submit_outcome']);
  const isRefusal = kind === 'blocked_by_hook' || kind === 'stopped_by_hook';
  const next = isRefusal ? withHookStop(state, { isRefusal, reason: asText(reason) ?? '' }) : state;
  return mapped(next, notice(level, 'informational', cutText(text), { toolCallId: asText(frame.tool_use_id) }));
}

export function mapNotification(frame: SDKNotificationMessage, state: MappingState): Mapped {
  const text = asText(frame.text);
  if (text === undefined) return { events: [], state, dropped: ['notification/empty'] };
  const urgent = frame.priority === 'high' || frame.priority === 'immediate';
  // A key of the program's own screen does nothing anywhere else.
  const words = cutText(text.replace(/ · ctrl\+\w to [\w ]+$/, ''));
  return mapped(state, notice(urgent ? 'warning' : 'info', 'notification', words, { key: asText(frame.key) }));
}

/** Whatever a person was asked to do on a page is done, according to its server. */
export function mapElicitationComplete(frame: SDKElicitationCompleteMessage, state: MappingState): Mapped {
  return mapped(state, pageDone(line(frame.mcp_server_name, 'without a name')));
}

export function pageDone(serverName: string): AgentEvent {
  return notice(
    'info',
    'form_completed',
    `MCP server “${serverName}” reports that the request on its page is complete.`,
  );
}

/** The output of a command such as `/usage` is what the user asked for, so it is an answer. */
export function mapLocalCommandOutput(frame: SDKLocalCommandOutputMessage, state: MappingState): Mapped {
  const text = asText(frame.content);
  if (text === undefined) return { events: [], state, dropped: ['local_command_output/empty'] };
  const messageId = `local/${asText(frame.uuid) ?? 'output'}`;
  return mapped(
    { ...state, turn: { ...state.turn, answered: true } },
    { type: 'agent_message', messageId, content: [{ type: 'text', text: cutText(text) }] },
  );
}

export function mapHookResponse(frame: SDKHookResponseMessage, state: MappingState): Mapped {
  if (frame.outcome !== 'error') return mapped(state);
  const said = asText(frame.stderr) ?? asText(frame.output);
  const message = `The hook ${line(frame.hook_name, 'without a name')} failed${said === undefined ? '.' : `: ${line(said, '')}`}`;
  const data = { event: asText(frame.hook_event), exitCode: asCount(frame.exit_code) };
  return mapped(state, notice('warning', 'hook_failed', message, data));
}

export function mapPluginInstall(frame: SDKPluginInstallMessage, state: MappingState): Mapped {
  if (frame.status !== 'failed') return mapped(state);
  const message = `The plugin ${line(frame.name, 'without a name')} could not be installed: ${line(frame.error, 'no cause given')}`;
  return mapped(state, notice('warning', 'plugin_failed', message));
}

export function mapAuthStatus(frame: SDKAuthStatusMessage, state: MappingState): Mapped {
  const error = asText(frame.error);
  const signingIn = frame.isAuthenticating === true && error === undefined;
  const next = signingIn === state.signingIn ? state : { ...state, signingIn };
  if (error !== undefined) {
    return mapped(next, notice('error', 'sign_in_failed', `Signing in failed: ${line(error, '')}`));
  }
  if (next === state) return mapped(state);
  if (!signingIn) return mapped(next, notice('info', 'signed_in', 'The agent is signed in.'));
  // The output may contain a code to enter elsewhere.
  const said = asList(frame.output).flatMap((text) => asText(text) ?? []);
  const words = said.length === 0 ? '' : ` It says: ${line(said.join(' '), '')}`;
  return mapped(next, notice('warning', 'signing_in', `The agent is waiting for someone to sign in.${words}`));
}
