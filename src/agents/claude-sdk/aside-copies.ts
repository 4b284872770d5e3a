/**
 * Answers side questions from copies of sessions, each in a process of its own that has no tools to use, no hooks and no
 * servers, and keeps nothing. The session itself may be doing anything, in a terminal or without a process.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Options, Query, SDKMessage, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import type { Log } from '../../lib/log.ts';
import { createPushable } from '../../lib/pushable.ts';
import { Withdrawals } from '../../lib/withdrawals.ts';
import { within } from '../../lib/within.ts';
import type { AsideSpec } from '../agent-backend.ts';
import { copyTranscript } from '../claude/files/copy-transcript.ts';
import { assertDirectory } from '../claude/files/working-directory.ts';
import { providerEnv } from '../claude/held-provider.ts';
import { readTotals } from '../claude/mapping/model-costs.ts';
import { inboundSetting } from '../claude/program-settings.ts';
import { loadSdk } from '../claude/sdk.ts';
import { temporaryPrefix } from '../process-marks.ts';
import { Spool } from '../spool.ts';
import { answerAside } from './answer-aside.ts';
import { SdkProcess } from './sdk-process.ts';
import type { SessionLimits } from './session-limits.ts';

export interface AsideCopiesParts {
  env: Readonly<Record<string, string>>;
  logger: Log;
  limits: Pick<SessionLimits, 'closeMs' | 'spoolBytes'>;
}

/** Before the program says what was spent, it may ask the provider for an account's limits. */
const costMs = 5_000;

export class AsideCopies {
  readonly #parts: AsideCopiesParts;
  readonly #answering = new Withdrawals();

  constructor(parts: AsideCopiesParts) {
    this.#parts = parts;
  }

  /** Settles once nothing of the copy is left. */
  answer(spec: AsideSpec, signal: AbortSignal): Promise<string> {
    return this.#answering.run((either) => answerInCopy(this.#parts, spec, either), signal);
  }

  /** Withdraws what is being answered. Idempotent. */
  close(): Promise<void> {
    return this.#answering.close();
  }
}

async function answerInCopy(parts: AsideCopiesParts, spec: AsideSpec, signal: AbortSignal): Promise<string> {
  const { logger, limits } = parts;
  const { chatId } = spec;
  await assertDirectory(spec.cwd);
  signal.throwIfAborted();
  // If this host is killed, its watcher removes it.
  const directory = await mkdtemp(temporaryPrefix());
  const removeCopy = (): Promise<void> => rm(directory, { recursive: true, force: true });
  const id = randomUUID();
  const file = join(directory, `${id}.jsonl`);
  const spool = new Spool({ chatId, logger, limitBytes: limits.spoolBytes, isStored: () => true });
  const process = new SdkProcess({
    spec: { chatId, sessionId: id, onEvent: () => undefined },
    logger,
    spool,
    termMs: limits.closeMs.term,
  });
  const input = createPushable<SDKUserMessage>();
  let query: Query | undefined;
  let read: Promise<void> | undefined;
  const count = async (limitMs: number): Promise<void> => {
    if (!query || process.isGone) return;
    await tellCost(query, spec, limitMs).catch((err: unknown) =>
      logger.warn({ chatId, err }, 'What a side question has cost is not known.'),
    );
  };
  try {
    const isKnown = await copyTranscript(spec.sessionStore, spec.sessionId, file, signal);
    signal.throwIfAborted();
    const options = copyOptions(spec, { id, resume: isKnown ? file : null, env: providerEnv(parts.env), process });
    query = loadSdk().query({ prompt: input.iterable, options });
    // The program has read the copy once it is at the question.
    read = readToEnd(query, () => {
      spec.onRequest();
      // What is left of it goes at the end.
      void removeCopy().catch(() => undefined);
    });
    const answer = await answerAside(query, spec.question, signal).catch((error: unknown) => {
      throw process.isGone && !signal.aborted ? process.failure('The agent has ended', error) : error;
    });
    await count(costMs);
    return answer;
  } catch (error) {
    // What was withdrawn has cost something, too.
    await count(limits.closeMs.exit);
    signal.throwIfAborted();
    throw error;
  } finally {
    input.close();
    query?.close();
    await process.end();
    await read;
    await removeCopy();
  }
}

interface CopyOptions {
  id: string;
  resume: string | null;
  env: Record<string, string>;
  process: SdkProcess;
}

/** The directory's own settings add nothing to what was said, so they are left out, trusted or not. */
function copyOptions({ cwd, model, effort }: AsideSpec, { id, resume, env, process }: CopyOptions): Options {
  return {
    cwd,
    // Without one, the model that answered last goes on.
    ...(model === null ? {} : { model }),
    ...(effort === null ? {} : { effort }),
    ...(resume === null ? {} : { resume, forkSession: true }),
    sessionId: id,
    persistSession: false,
    settingSources: ['user'],
    settings: { ...inboundSetting(false), disableAllHooks: true },
    strictMcpConfig: true,
    // It is asked about nothing: no turn runs.
    permissionMode: 'dontAsk',
    systemPrompt: { type: 'preset', preset: 'claude_code' },
    env,
    spawnClaudeCodeProcess: process.spawn,
  };
}

async function readToEnd(query: Query, onStarted: () => void): Promise<void> {
  try {
    for await (const frame of query) if (isStart(frame)) onStarted();
  } catch {
    // Whoever waits for the answer hears of its end.
  }
}

const isStart = (frame: SDKMessage): boolean =>
  frame.type === 'system' && frame.subtype === 'control_request_progress' && frame.status === 'started';

async function tellCost(query: Query, spec: AsideSpec, limitMs: number): Promise<void> {
  const asked = query.usage_EXPERIMENTAL_MAY_CHANGE_DO_NOT_RELY_ON_THIS_API_YET({ skipBehaviors: true });
  if (!(await within(limitMs, asked))) throw new Error('The program has not told it in time.');
  const { session } = await asked;
  await spec.onCost(readTotals(session.total_cost_usd, session.model_usage));
}
