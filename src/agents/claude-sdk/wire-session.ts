/** Puts the parts of a session together. It starts nothing. */
import type { Query } from '@anthropic-ai/claude-agent-sdk';
import type { Log } from '../../lib/log.ts';
import type { BackendName } from '../../protocol/chat.ts';
import type { HeardWindow } from '../../protocol/plan-usage.ts';
import type { AgentEvent, AgentSessionSpec } from '../agent-backend.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { CurrentDirectory } from '../claude/current-directory.ts';
import { callIdsIn } from '../claude/files/open-calls.ts';
import { configDirOf } from '../claude/files/transcript-file.ts';
import { providerEnv } from '../claude/held-provider.ts';
import { PermissionRequests } from '../claude/permission-requests.ts';
import { SideFiles } from '../claude/side-files.ts';
import { WakeUps } from '../claude/wake-ups.ts';
import { ProcessWatch } from '../process-watch.ts';
import { Spool } from '../spool.ts';
import { StartWatch } from '../start-watch.ts';
import { IncomingWords } from './incoming-words.ts';
import { McpStates } from './mcp-states.ts';
import { SdkProcess } from './sdk-process.ts';
import { SdkTranscript } from './sdk-transcript.ts';
import { SdkTurns } from './sdk-turns.ts';
import type { SessionLimits } from './session-limits.ts';
import { Spending } from './spending.ts';
import { TypedChanges } from './typed-changes.ts';

export interface SdkSessionParts {
  spec: AgentSessionSpec;
  env: Readonly<Record<string, string>>;
  /** The server's own files, which agents are kept out of; null if there are none. */
  dataDir: string | null;
  sandbox?: Sandbox | undefined;
  logger: Log;
  limits: SessionLimits;
  /** It only continues a call of this other backend's session. */
  continuesFor?: BackendName | undefined;
  onPlanUsage(windows: readonly HeardWindow[]): void;
  /** Counts frames that the SDK's types do not know, over all sessions. */
  countUnmapped(name: string): void;
  /** The session is closed or lost: none of its processes is left. */
  onEnded(): void;
}

export type WiredSession = ReturnType<typeof wireSession>;

/** `query`: undefined while the session is not open. */
export function wireSession(parts: SdkSessionParts, query: () => Query | undefined) {
  const { spec, logger, limits } = parts;
  const { chatId } = spec;
  const env = providerEnv(parts.env);
  const onAsked = async (rules?: readonly string[]): Promise<void> => {
    turns.noteContinued();
    await spec.continues?.onAsked(rules);
  };
  const emit = (event: AgentEvent): void => turns.route(event);

  const directory = new CurrentDirectory(spec);
  const spool = new Spool({
    chatId,
    logger,
    limitBytes: limits.spoolBytes,
    isStored: () => turns.isTaken && !transcript.isAppending && spec.isStoring?.() !== true,
  });
  const process = new SdkProcess({ spec, logger, spool, sandbox: parts.sandbox, termMs: limits.closeMs.term });
  const permissions = new PermissionRequests({
    emit,
    storesCalls: true,
    isGone: () => process.isGone,
    continued: spec.continues && { ...spec.continues, onAsked },
  });
  const spending = new Spending({
    spec,
    query,
    reportedUsd: () => turns.reportedUsd,
    interrupt: () => turns.interrupt(),
    onProblem: (err) => logger.warn({ chatId, err }, 'What the agent has spent could not be looked at.'),
  });
  const incoming = new IncomingWords(() => turns.tellIncoming(), {
    isContinued: spec.continues !== undefined,
    isScheduled: (words) => spec.isScheduled?.(words) ?? Promise.resolve(false),
    whyStop: () => spending.whyStop(),
  });
  const changes = new TypedChanges({
    model: spec.model,
    settings: () => settingsOf(query()),
    emit,
    onProblem: (err) => logger.warn({ chatId, err }, 'The program did not report its settings.'),
  });
  const place = () => ({ configDir: configDirOf(env), cwd: spec.cwd, sessionId: turns.sessionId });
  const sideFiles = new SideFiles({ spec, logger, place });
  const wakeUps = new WakeUps(Date.now, (change) => spec.onScheduled?.(change));
  const transcript = new SdkTranscript({
    spec,
    logger,
    limits,
    place,
    onStored: (entries) => {
      sideFiles.noteEntries(entries);
      wakeUps.note(entries);
      for (const id of entries.flatMap(callIdsIn)) permissions.noteStoredCall(id);
    },
    onRepaired: (entry) => wakeUps.note([entry]),
    onEntries: (entries) => {
      changes.noteEntries(entries);
      for (const entry of entries) {
        const moved = directory.take(entry);
        if (moved) emit(moved);
      }
      turns.noteHookStop(entries);
    },
  });
  const mcp = new McpStates({
    ask: () => query()?.mcpServerStatus() ?? Promise.resolve(undefined),
    tell: emit,
    onChanged: (servers) => spec.onMcpServers?.(servers),
    askAgainMs: limits.mcpAskAgainMs,
  });
  const watch: ProcessWatch = new ProcessWatch({
    limits,
    chatId,
    logger,
    // It answers this even in the middle of a turn, whatever the model or a tool is doing, and it changes nothing.
    ask: () =>
      void query()
        ?.mcpServerStatus()
        .then(
          () => watch.hear(),
          () => undefined,
        ),
    isExcused: () => transcript.isAppending || spool.isFull,
    end: () => process.end(),
  });
  const startWatch = new StartWatch({ startMs: limits.startMs, chatId, logger, end: () => process.end() });
  const turns: SdkTurns = new SdkTurns({
    spec,
    backend: parts.continuesFor ?? 'claude_sdk',
    interruptMs: limits.interruptMs,
    permissions,
    incoming,
    spending,
    changes,
    mcp,
    transcript,
    watch,
    onTurnEnd: () => sideFiles.store(),
    onContinued() {
      // Stored or not: if it fails, another host has the chat.
      onAsked().catch((err: unknown) =>
        logger.warn({ chatId, err }, 'An answer was given, which could not be stored.'),
      );
    },
    async sendInterrupt() {
      try {
        await query()?.interrupt();
      } catch (error) {
        // If it has no effect, the interrupt's time limit ends the process.
        logger.warn({ chatId, err: error }, 'The program did not accept the interrupt.');
      }
    },
    onStuck() {
      logger.warn({ chatId }, 'The agent did not stop in time; its process is ended.');
      process.end().catch((error: unknown) => logger.error({ err: error }, 'The agent could not be ended.'));
    },
    onPlanUsage: (windows) => parts.onPlanUsage(windows),
    countUnmapped: (name) => parts.countUnmapped(name),
  });
  return {
    env,
    directory,
    spool,
    process,
    permissions,
    incoming,
    spending,
    changes,
    transcript,
    sideFiles,
    mcp,
    watch,
    startWatch,
    turns,
    wakeUps,
  };
}

/** Outside the SDK's types: the settings in force. */
async function settingsOf(query: Query | undefined): Promise<unknown> {
  const asked = query as (Query & { getSettings?(): Promise<unknown> }) | undefined;
  return asked?.getSettings?.();
}
