/**
 * Hears what the program shows of an answer while it streams, and what it is about to give its agent: its hooks
 * `MessageDisplay` and `UserPromptSubmit`, as requests to a loopback port of this process, because a hook that is a process of
 * its own costs more than it saves. In the same way it is asked whether the program may go on after its tools have run. A
 * program without the hooks, or one whose settings forbid them, sends nothing.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asText, isRecord, oneOf } from '../claude/mapping/loose-json.ts';
import { openLoopbackReceiver } from './loopback-receiver.ts';

/** What the program shows next of a message: whole lines, and the rest with the last piece. */
export interface DisplayedText {
  /** The program's own id of the message, which its transcript does not have. */
  messageId: string;
  /** From 0 on, without a gap. Pieces may overtake each other. */
  index: number;
  text: string;
}

export interface DisplayHook {
  hooks: Record<string, { matcher: string; hooks: object[] }[]>;
  env: Record<string, string>;
  /** Nothing is heard from here on. */
  forget(): void;
}

/** After the tools of a message, also of a sub-agent's, or of something that the program is about to take up. */
export type WhyStop = (before: (typeof askedBefore)[number]) => Promise<string | null>;

const askedBefore = ['PostToolBatch', 'UserPromptSubmit'] as const;

/** What the program's hooks ask. */
export interface Asking {
  /** Why the program is not to give its agent these words; undefined if it is. */
  readonly onPrompt: (words: string) => Promise<string | undefined>;
  /** Why it must not ask its model; null if it may. */
  readonly whyStop: WhyStop;
}

export interface DisplayReceiver {
  /** Of this machine's loopback. */
  readonly port: number;
  register(onText: (text: DisplayedText) => void, asking?: Asking): DisplayHook;
  /** Idempotent. */
  close(): Promise<void>;
}

const jsonBounds = { nodes: 1_000, depth: 20 };
/** Read by the program when it calls the hook: its arguments are visible to other users, its environment is not. */
const keyName = 'MESSAGE_DISPLAY_KEY';
/** The program shows the text once it is answered. */
const timeoutSeconds = 5;
/** The database may have to be asked. The program goes on without an answer. */
const askedSeconds = 30;

export async function openDisplayReceiver(): Promise<DisplayReceiver> {
  const { port, listeners, close } = await openLoopbackReceiver({
    keyOf: ({ headers }) => headers.authorization,
    jsonBounds,
  });
  return {
    port,
    register(onText, asking) {
      const key = randomBytes(24).toString('base64url');
      listeners.set(`Bearer ${key}`, async (input) => {
        const text = readDisplayedText(input);
        const words = readPrompt(input);
        if (text) onText(text);
        return asking && answerTo(asking, input, words);
      });
      const hook = {
        type: 'http',
        url: `http://127.0.0.1:${port}/`,
        headers: { authorization: `Bearer $${keyName}` },
        allowedEnvVars: [keyName],
        timeout: timeoutSeconds,
      };
      const whenAsked = [{ matcher: '', hooks: [{ ...hook, timeout: askedSeconds }] }];
      return {
        hooks: {
          MessageDisplay: [{ matcher: '', hooks: [hook] }],
          ...(asking && Object.fromEntries(askedBefore.map((name) => [name, whenAsked]))),
        },
        env: { [keyName]: key },
        forget: () => void listeners.delete(`Bearer ${key}`),
      };
    },
    close,
  };
}

async function answerTo({ onPrompt, whyStop }: Asking, input: unknown, words?: string): Promise<object | undefined> {
  const before = oneOf(askedBefore, isRecord(input) ? input['hook_event_name'] : undefined);
  if (!before) return undefined;
  const reason = words === undefined ? undefined : await onPrompt(words);
  if (reason !== undefined) return { decision: 'block', reason };
  const stopReason = await whyStop(before);
  return stopReason === null ? undefined : { continue: false, stopReason };
}

function readPrompt(input: unknown): string | undefined {
  return isRecord(input) && input['hook_event_name'] === 'UserPromptSubmit' ? asText(input['prompt']) : undefined;
}

export function readDisplayedText(input: unknown): DisplayedText | undefined {
  if (!isRecord(input) || input['hook_event_name'] !== 'MessageDisplay') return undefined;
  const { message_id: id, index, delta: text } = input;
  const messageId = asText(id);
  if (messageId === undefined || !Number.isSafeInteger(index) || typeof text !== 'string') return undefined;
  return { messageId, index: index as number, text };
}

/**
 * Whether the program's request to this process might go through a proxy, which is to see no answers: it sends hooks through
 * one too, unless it is told not to for this address. Its settings may name another one.
 */
export async function mayUseProxy(
  env: Readonly<Record<string, string>>,
  directories: readonly string[],
): Promise<boolean> {
  return goesThroughProxy(env) || (await setsProxy(directories));
}

export function goesThroughProxy(env: Readonly<Record<string, string>>): boolean {
  const named = (pattern: RegExp): string[] =>
    Object.entries(env).flatMap(([name, value]) => (value !== '' && pattern.test(name) ? [value] : []));
  if (named(/^(https?|all)_proxy$/i).length === 0) return false;
  const direct = named(/^no_proxy$/i).flatMap((value) => value.split(/[\s,]+/));
  return !direct.includes('*') && !direct.includes('127.0.0.1');
}

async function setsProxy(directories: readonly string[]): Promise<boolean> {
  const files = ['settings.json', 'settings.local.json', 'managed-settings.json'];
  const paths = directories.flatMap((directory) => files.map((name) => join(directory, name)));
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => '')));
  return texts.some((text) => /"\w+_proxy"/i.test(text));
}
