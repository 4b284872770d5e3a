/** The options that a query is started with. */
import type { Options, Settings } from '@anthropic-ai/claude-agent-sdk';
import type { AgentSessionSpec } from '../agent-backend.ts';
import { elicitationAsked, elicitationResult } from '../claude/elicitation.ts';
import { configDirOf } from '../claude/files/transcript-file.ts';
import type { PermissionRequests } from '../claude/permission-requests.ts';
import { programSettings } from '../claude/program-settings.ts';
import type { StartWatch } from '../start-watch.ts';
import { modeToStart, withQuestion } from './continued-call.ts';
import { continuesTurn } from './continued-turn.ts';
import type { IncomingWords } from './incoming-words.ts';
import type { SdkProcess } from './sdk-process.ts';
import type { Spending } from './spending.ts';
import type { SdkTranscript } from './sdk-transcript.ts';

/** Outside the SDK's types: called with the number of running start hooks whenever it changes. */
export interface StartOptions extends Options {
  onStartupHooksRunning(running: number): void;
}

/** The option of the same purpose is refused beside a session store. */
const keepsBackups = { CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING: 'true' } as const;

export interface StartOptionsParts {
  spec: AgentSessionSpec;
  env: Record<string, string>;
  /** The server's own files, which agents are kept out of; null if there are none. */
  dataDir: string | null;
  /** The session has a transcript to resume. */
  isKnown: boolean;
  model: string | null;
  /** The tool of the call that is continued. */
  continuedTool: string | undefined;
  /** The program is to keep backups of the files that it edits. */
  keepsBackups: boolean;
  /** Settings that the directory must not override. */
  held: Settings;
  process: SdkProcess;
  transcript: SdkTranscript;
  permissions: PermissionRequests;
  incoming: IncomingWords;
  spending: Spending;
  startWatch: StartWatch;
}

export function startOptions(parts: StartOptionsParts): StartOptions {
  const { spec, env, dataDir, isKnown, model, held, permissions, startWatch } = parts;
  const { sessionId, effort, permissionMode, trusted } = spec;
  const kept = dataDir === null ? null : { dataDir, configDir: configDirOf(env) };
  return {
    cwd: spec.cwd,
    ...(model === null ? {} : { model }),
    ...(effort === null ? {} : { effort }),
    ...(isKnown ? { resume: sessionId } : { sessionId }),
    permissionMode: modeToStart(spec),
    ...(permissionMode === 'bypassPermissions' ? { allowDangerouslySkipPermissions: true } : {}),
    settingSources: trusted ? ['user', 'project', 'local'] : ['user'],
    settings: { ...withQuestion(programSettings(spec, 'claude_sdk', kept), spec, parts.continuedTool), ...held },
    systemPrompt: { type: 'preset', preset: 'claude_code' },
    includePartialMessages: true,
    forwardSubagentText: true,
    sessionStore: parts.transcript.mirror,
    sessionStoreFlush: 'eager',
    canUseTool: permissions.canUseTool,
    hooks: { ...parts.incoming.hooks, ...parts.spending.hooks },
    onElicitation: async (request, { signal }) =>
      elicitationResult(await permissions.ask(elicitationAsked(request), signal)),
    env: {
      ...(parts.keepsBackups ? keepsBackups : {}),
      ...env,
      ...(spec.continuesTurn === true ? continuesTurn : {}),
    },
    onStartupHooksRunning: (running) => startWatch.noteHooks(running),
    spawnClaudeCodeProcess: parts.process.spawn,
  };
}
