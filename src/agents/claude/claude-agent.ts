/** Declares Claude to the server. Only this file knows both ways to run it. */
import { join } from 'node:path';
import { systemClock } from '../../lib/clock.ts';
import type { Agent, AgentDeclaration, AgentOptions, BackendDeclaration, DemoEndpoint } from '../agent.ts';
import { ClaudePtyBackend } from '../claude-pty/claude-pty-backend.ts';
import { ClaudeSdkBackend } from '../claude-sdk/claude-sdk-backend.ts';
import { ClaudeSignIn } from '../claude-sdk/claude-sign-in.ts';
import { loadScreens } from '../../terminal/terminal-screen.ts';
import { chooseProvider, isOfProvider } from './provider.ts';
import { isRefusedVariable } from './refused-variables.ts';
import { Sandboxes } from './sandboxes.ts';
import { findTerminalPath } from './terminal-path.ts';
import { diagnoseClaude } from './diagnose-claude.ts';
import { readDirectoryContent } from './files/directory-content.ts';
import { fileHistory } from './files/file-history.ts';
import { createForkReader } from './files/fork-transcript.ts';
import { rewindTranscript } from './files/rewind-transcript.ts';
import { configDirOf, leaveDirectory, removeTranscript, storeLeft } from './files/transcript-file.ts';
import { knowsModel } from './known-model.ts';
import { loadSdk } from './sdk.ts';
import { removeSideFiles } from './files/remove-side-files.ts';
import { createHistoryMapper } from './mapping/map-history.ts';
import { createTurnTraces } from './mapping/turn-traces.ts';

export const claudeAgent: AgentDeclaration = { name: 'claude', open, demoEnvironment, diagnose: diagnoseClaude };

const sdkDeclaration = {
  name: 'claude_sdk',
  label: 'Agent SDK',
  hint: 'stays warm, follow-ups in milliseconds',
  howToChoose:
    'Or use the Agent SDK: name "backend": "claude_sdk" when creating a chat (CLAUDE_SDK_BACKEND=1 makes that the ' +
    'default), or flip a chat to it with `boocode flip`.',
} as const;

const ptyDeclaration = {
  name: 'claude_pty',
  label: 'terminal program',
  hint: 'claude itself, with its screens',
  howToChoose:
    'Or use the terminal program: name "backend": "claude_pty" when creating a chat (without CLAUDE_SDK_BACKEND that is ' +
    'the default), or flip a chat to it with `boocode flip`.',
} as const;

async function open(options: AgentOptions): Promise<Agent> {
  const { env, dataDir, sdkByDefault, demo } = options;
  const configDir = configDirOf(env);
  const sandboxes = new Sandboxes(options);
  const dirOf = (sessionId: string): string => sandboxes.configDirOf(sessionId);
  const sdk = new ClaudeSdkBackend(options);
  const path = await findTerminalPath();
  const calls = new ClaudeSdkBackend({ ...options, continuesFor: 'claude_pty' });
  const pty = 'reason' in path ? path : new ClaudePtyBackend({ ...options, program: path.program, calls });
  const onSdk: BackendDeclaration = { ...sdkDeclaration, runs: sdk };
  const inTerminal: BackendDeclaration = { ...ptyDeclaration, runs: pty };
  const signIn = demo ? undefined : new ClaudeSignIn({ env, cwd: dataDir, clock: systemClock });
  return {
    name: 'claude',
    label: 'Claude',
    backends: sdkByDefault ? [onSdk, inTerminal] : [inTerminal, onSdk],
    privateDirectories: [configDir],
    permissionModes: ['default', 'acceptEdits', 'plan', 'dontAsk', 'auto', 'bypassPermissions'],
    models: ['opus', 'sonnet', 'haiku'],
    refusesVariable: (name) => isRefusedVariable(name, chooseProvider(env)),
    knowsModel: (model) => knowsModel(model, env),
    readDirectory: (cwd) => readDirectoryContent(cwd, configDir),
    foldSummary: (...given) => loadSdk().foldSessionSummary(...given),
    createHistory: createHistoryMapper,
    createTurnTraces,
    storeSession: ({ sessionStore, ...session }) =>
      storeLeft(sessionStore, { configDir: dirOf(session.sessionId), ...session }),
    leaveDirectory: ({ sessionStore, ...session }) =>
      leaveDirectory(sessionStore, { configDir: dirOf(session.sessionId), ...session }),
    createForkReader,
    rewindSession: (rewind) => rewindTranscript(rewind, dirOf(rewind.from)),
    fileHistory: fileHistory(dirOf),
    async removeSession({ sideFiles, ...session }) {
      const own = dirOf(session.sessionId);
      await removeTranscript({ configDir: own, ...session });
      await removeSideFiles(sideFiles, own, session.sessionId);
      await sandboxes.remove(session.sessionId);
    },
    ...(signIn && { signIn }),
    prepare() {
      loadSdk();
      loadScreens();
    },
    async dispose() {
      await signIn?.cancel();
      await sdk.dispose();
      if (!('reason' in pty)) await pty.dispose();
    },
  };
}

function demoEnvironment(
  env: Readonly<Record<string, string>>,
  { url, apiKey, dataDir }: DemoEndpoint,
): Record<string, string> {
  const provider = chooseProvider(env);
  const own = Object.entries(env).filter(
    ([name]) => !/^(ANTHROPIC_|CLAUDE_)/.test(name) && !isOfProvider(provider, name),
  );
  return {
    ...Object.fromEntries(own),
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_API_KEY: apiKey,
    CLAUDE_CONFIG_DIR: join(dataDir, 'claude'),
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    // Large models get no to-do tool by default.
    CLAUDE_CODE_ENABLE_TODO_TOOLS: '1',
    CLAUDE_CODE_ENABLE_TASKS: '0',
  };
}
