/**
 * Hears what the program shows of an answer while it streams, and what it is about to give its agent: its hooks
 * `MessageDisplay` and `UserPromptSubmit`, as requests to a loopback port of this process, because a hook that is a process of its own costs more than it saves. A program without the hook, or one
 * whose settings forbid it, sends nothing.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asText, isRecord } from '../claude/mapping/loose-json.ts';
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

export interface DisplayReceiver {
  /** `onPrompt` says why the program is not to give its agent these words; undefined if it is. */
  register(
    onText: (text: DisplayedText) => void,
    onPrompt?: (words: string) => Promise<string | undefined>,
  ): DisplayHook;
  /** Idempotent. */
  close(): Promise<void>;
}

const jsonBounds = { nodes: 1_000, depth: 20 };
/** Read by the program when it calls the hook: its arguments are visible to other users, its environment is not. */
const keyName = 'MESSAGE_DISPLAY_KEY';
/** The program shows the text once it is answered. */
const timeoutSeconds = 5;
/** The database may have to be asked. */
const promptSeconds = 30;

export async function openDisplayReceiver(): Promise<DisplayReceiver> {
  const { port, listeners, close } = await openLoopbackReceiver({
    keyOf: ({ headers }) => headers.authorization,
    jsonBounds,
  });
  return {
    register(onText, onPrompt) {
      const key = randomBytes(24).toString('base64url');
      listeners.set(`Bearer ${key}`, (input) => {
        const text = readDisplayedText(input);
        const words = readPrompt(input);
        if (text) onText(text);
        return words === undefined ? undefined : onPrompt?.(words).then(blocking);
      });
      const hook = {
        type: 'http',
        url: `http://127.0.0.1:${port}/`,
        headers: { authorization: `Bearer $${keyName}` },
        allowedEnvVars: [keyName],
        timeout: timeoutSeconds,
      };
      return {
        hooks: {
          MessageDisplay: [{ matcher: '', hooks: [hook] }],
          ...(onPrompt && { UserPromptSubmit: [{ matcher: '', hooks: [{ ...hook, timeout: promptSeconds }] }] }),
        },
        env: { [keyName]: key },
        forget: () => void listeners.delete(`Bearer ${key}`),
      };
    },
    close,
  };
}

const blocking = (reason: string | undefined) => (reason === undefined ? {} : { decision: 'block', reason });

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
