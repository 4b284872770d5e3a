import { posix } from 'node:path';
import type { Conversation } from './conversation.ts';
import { call, piecesOf, say, type Step } from './reply.ts';
import { phrase, type Script } from './script.ts';

const failures: Readonly<Record<number, { errorType: string; message: string; headers?: Record<string, string> }>> = {
  400: { errorType: 'invalid_request_error', message: 'This request is not valid.' },
  401: { errorType: 'authentication_error', message: 'invalid x-api-key' },
  402: { errorType: 'billing_error', message: 'Your credit balance is too low.' },
  403: { errorType: 'permission_error', message: 'This key may not use this model.' },
  404: { errorType: 'not_found_error', message: 'There is no such model.' },
  413: { errorType: 'request_too_large', message: 'The request is too large.' },
  429: { errorType: 'rate_limit_error', message: 'Too many requests.', headers: { 'retry-after': '1' } },
  500: { errorType: 'api_error', message: 'Internal server error.' },
  529: { errorType: 'overloaded_error', message: 'Overloaded.' },
};

const named: Readonly<Record<string, number>> = { once: 1, twice: 2 };

function failure(conversation: Conversation): { status: number; times: number } | null {
  const match = phrase(conversation, /^fail (\d{3})(?: (once|twice|(\d+) times))?$/i);
  const status = Number(match?.[1]);
  if (!match || failures[status] === undefined) return null;
  const times = match[2] === undefined ? Infinity : (named[match[2].toLowerCase()] ?? Number(match[3]));
  return { status, times };
}

/** True if it was to happen once, and has happened. */
function again(c: Conversation): boolean {
  return c.attempt > 0 && /\bonce\b/i.test(c.lastTyped);
}

const usageLimit = /^(work until the )?usage limit for (\d+) seconds?(?: .*)?$/i;
/** When it resets, in seconds since 1970, keyed by the prompt that met it first. */
const usageLimits = new Map<string, number>();

const begun = piecesOf('This sentence will not come to its');

// As long as the prompt is among the messages.
const tooLong = /^exceed the (context|request)$/i;
const tooLongErrors = {
  context: [400, 'invalid_request_error', 'prompt is too long: 1203948 tokens > 1000000 maximum'],
  request: [413, 'request_too_large', 'Request exceeds the maximum size'],
} as const;

function limitExceeded(c: Conversation): keyof typeof tooLongErrors | null {
  const typed = c.typed.map((text) => tooLong.exec(text.replace(/[.!?]$/, ''))?.[1]?.toLowerCase()).find(Boolean);
  return typed === 'context' || typed === 'request' ? typed : null;
}

/** Before all others: requests for a summary also contain the input that is too long. */
export const tooLongScript: Script = {
  name: 'exceed',
  when: (c) => limitExceeded(c) !== null,
  reply(c): Step[] {
    const [status, errorType, message] = tooLongErrors[limitExceeded(c) ?? 'context'];
    return [{ type: 'fail', status, errorType, message }];
  },
};

export const failureScripts: readonly Script[] = [
  {
    name: 'fail',
    when: (c) => failure(c) !== null,
    reply(c): Step[] {
      const { status, times } = failure(c) ?? { status: 500, times: Infinity };
      const error = failures[status];
      if (error === undefined || c.attempt >= times) return [say(`Now it works, on attempt ${c.attempt + 1}.`)];
      return [{ type: 'fail', status, ...error }];
    },
  },
  {
    name: 'cut the stream',
    when: (c) => phrase(c, /^cut the stream( once)?$/i) !== null,
    reply: (c): Step[] =>
      again(c)
        ? [say('Now the stream came to its end.')]
        : [{ type: 'text', pieces: begun, unfinished: true }, { type: 'cut' }],
  },
  {
    name: 'break the stream',
    when: (c) => phrase(c, /^break the stream$/i) !== null,
    reply: (): Step[] => [
      { type: 'text', pieces: begun, unfinished: true },
      { type: 'break', errorType: 'overloaded_error', message: 'Overloaded.' },
    ],
  },
  {
    name: 'malformed sse',
    when: (c) => phrase(c, /^malformed sse$/i) !== null,
    reply: (): Step[] => [{ type: 'text', pieces: begun, unfinished: true }, { type: 'malformed' }],
  },
  {
    name: 'silence',
    when: (c) => phrase(c, /^silence$/i) !== null,
    reply: (): Step[] => [{ type: 'silence' }],
  },
  {
    name: 'usage limit',
    when: (c) => phrase(c, usageLimit) !== null,
    reply(c): Step[] {
      const [, works, seconds] = phrase(c, usageLimit) ?? [];
      if (works !== undefined && c.rounds.length === 0) {
        return [
          say('I will read the notes first.'),
          call('Read', { file_path: posix.resolve(c.cwd ?? '/', 'notes.txt') }),
        ];
      }
      // All requests of the prompt are refused until then, as by an account's plan.
      const until = usageLimits.get(c.lastTyped) ?? Math.floor(Date.now() / 1000) + Number(seconds);
      usageLimits.set(c.lastTyped, until);
      if (Date.now() / 1000 >= until) return [say('The limit was reset, and now it works.')];
      const headers = {
        'anthropic-ratelimit-unified-status': 'rejected',
        'anthropic-ratelimit-unified-representative-claim': 'five_hour',
        'anthropic-ratelimit-unified-reset': String(until),
        'anthropic-ratelimit-unified-5h-reset': String(until),
        'anthropic-ratelimit-unified-5h-utilization': '1',
      };
      return [{ type: 'fail', status: 429, errorType: 'rate_limit_error', message: 'Usage limit reached.', headers }];
    },
  },
  {
    name: 'after a usage limit',
    when: (c) => phrase(c, /^A usage limit stopped you\. Continue with what you were doing$/) !== null,
    reply: (): Step[] => [say('I go on where the limit stopped me.')],
  },
  {
    name: 'rate limit warning',
    when: (c) => phrase(c, /^warn about the limit$/i) !== null,
    reply(): Step[] {
      const reset = String(Math.floor(Date.now() / 1000) + 3600);
      const headers = {
        'anthropic-ratelimit-unified-status': 'allowed_warning',
        'anthropic-ratelimit-unified-representative-claim': 'five_hour',
        'anthropic-ratelimit-unified-reset': reset,
        'anthropic-ratelimit-unified-5h-reset': reset,
        'anthropic-ratelimit-unified-5h-utilization': '0.92',
        'anthropic-ratelimit-unified-5h-surpassed-threshold': '0.9',
        'anthropic-ratelimit-unified-7d-status': 'allowed',
        'anthropic-ratelimit-unified-7d-reset': String(Math.floor(Date.now() / 1000) + 3 * 86_400),
        'anthropic-ratelimit-unified-7d-utilization': '0.3',
      };
      return [{ type: 'headers', headers }, say('The headers of this answer say that the limit is near.')];
    },
  },
  {
    name: 'refuse',
    when: (c) => phrase(c, /^refuse( once)?$/i) !== null,
    reply: (c): Step[] =>
      again(c) ? [say('I can answer this.')] : [say('I will not'), { type: 'stop', reason: 'refusal' }],
  },
  {
    name: 'max tokens',
    when: (c) => phrase(c, /^max tokens( once)?$/i) !== null,
    reply: (c): Step[] =>
      again(c)
        ? [say('end of what it may hold.')]
        : [say('This answer is cut off because it reached the '), { type: 'stop', reason: 'max_tokens' }],
  },
];
