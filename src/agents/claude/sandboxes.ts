/** Decides for each session whether its program runs in a sandbox, and moves the session's files there or back. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { BooError } from '../../protocol/error.ts';
import { sandboxInForce } from '../../protocol/sandbox.ts';
import type { SandboxSettings } from '../agent.ts';
import type { AgentSessionSpec } from '../agent-backend.ts';
import { type Bubblewrap, findBubblewrap } from '../sandbox/bubblewrap.ts';
import { GitGuard } from '../sandbox/git-guard.ts';
import { createSandbox, type Sandbox } from '../sandbox/sandbox.ts';
import {
  configDirFor,
  copyProgramState,
  prepareSandboxDirectory,
  sandboxDirectory,
} from '../sandbox/session-directory.ts';
import { configDirOf, storeLeft } from './files/transcript-file.ts';
import { findClaudeProgram } from './claude-program.ts';

export interface SandboxesParts {
  env: Readonly<Record<string, string>>;
  /** Without it nothing runs in a sandbox. */
  dataDir?: string | undefined;
  sandbox?: SandboxSettings | undefined;
  /** For tests. */
  findBubblewrap?: () => Bubblewrap;
}

/** What a session's program is started with. */
export interface SessionPlace {
  env: Readonly<Record<string, string>>;
  /** The server's own files, if the program could reach them; else null. */
  dataDir: string | null;
  sandbox?: Sandbox;
}

type Spec = Pick<
  AgentSessionSpec,
  'chatId' | 'sessionId' | 'cwd' | 'sessionStore' | 'onEvent' | 'sandbox' | 'variables'
>;

export class Sandboxes {
  readonly #parts: SandboxesParts;
  readonly #base: string;
  /** Chats that were told that there is no sandbox. */
  readonly #told = new Set<string>();
  readonly #gitGuard = new GitGuard();

  constructor(parts: SandboxesParts) {
    this.#parts = parts;
    this.#base = configDirOf(parts.env);
  }

  /** Which config directory has the session's files. */
  configDirOf(sessionId: string): string {
    return configDirFor(this.#base, this.#parts.dataDir, sessionId);
  }

  /** Call it before a session is opened. Throws `agent_failed` or `cwd_invalid` if it must have a sandbox and cannot. */
  async place(spec: Spec): Promise<SessionPlace> {
    const { dataDir, sandbox: settings } = this.#parts;
    // What the server gives all agents goes before what one chat gets.
    const env = { ...spec.variables, ...this.#parts.env };
    const outside = { env, dataDir: dataDir ?? null };
    if (dataDir === undefined) return outside;
    const mode = sandboxInForce(settings?.mode ?? 'off', spec.sandbox ?? null);
    if (mode !== 'off') {
      try {
        const sandbox = await this.#enter(spec, dataDir);
        return { env: { ...env, ...sandbox.env }, dataDir: null, sandbox };
      } catch (error) {
        if (mode === 'required' || !(error instanceof BooError)) throw error;
        this.#tell(spec, error);
      }
    }
    await this.#leave(spec, dataDir);
    return outside;
  }

  async #enter(spec: Spec, dataDir: string): Promise<Sandbox> {
    const { env, sandbox: settings } = this.#parts;
    const found = (this.#parts.findBubblewrap ?? findBubblewrap)();
    if ('reason' in found) {
      throw new BooError('agent_failed', `This chat needs a sandbox, and there is none: ${found.reason} ${found.fix}`);
    }
    const directory = sandboxDirectory(dataDir, spec.sessionId);
    const sandbox = createSandbox({
      bubblewrap: found.path,
      cwd: spec.cwd,
      directory,
      dataDir,
      baseConfigDir: this.#base,
      env,
      programs: neededPrograms(),
      secretFiles: settings?.secretFiles ?? [],
      readable: settings?.readable ?? [],
      writable: settings?.writable ?? [],
    });
    for (const git of sandbox.gitDirectories) this.#gitGuard.protect(git, () => tellRedirection(spec, git));
    // What is not stored yet of a session that was outside.
    if (!existsSync(directory)) await storeLeft(spec.sessionStore, { ...spec, configDir: this.#base });
    await prepareSandboxDirectory(directory);
    await copyProgramState(this.#base, env, sandbox.configDir, spec.cwd);
    return sandbox;
  }

  async #leave(spec: Spec, dataDir: string): Promise<void> {
    const directory = sandboxDirectory(dataDir, spec.sessionId);
    if (!existsSync(directory)) return;
    await prepareSandboxDirectory(directory);
    await storeLeft(spec.sessionStore, { ...spec, configDir: this.configDirOf(spec.sessionId) });
    await rm(directory, { recursive: true, force: true });
  }

  /** Its chat is being deleted. */
  async remove(sessionId: string): Promise<void> {
    const { dataDir } = this.#parts;
    if (dataDir !== undefined) await rm(sandboxDirectory(dataDir, sessionId), { recursive: true, force: true });
  }

  #tell({ chatId, onEvent }: Spec, { message }: BooError): void {
    if (this.#told.has(chatId)) return;
    this.#told.add(chatId);
    const what = `The agent runs without a sandbox. ${message}`;
    onEvent({ type: 'notice', level: 'warning', code: 'sandbox_missing', message: what, data: {} });
  }
}

function tellRedirection({ onEvent }: Spec, git: string): void {
  const message = `Git was told to take its hooks and configuration from elsewhere. ${git}/commondir has been removed.`;
  onEvent({ type: 'notice', level: 'warning', code: 'git_redirected', message, data: {} });
}

/** The agent's program with its package, and Node, which runs our hooks. */
function neededPrograms(): string[] {
  const program = findClaudeProgram();
  const sdk = createRequire(import.meta.url).resolve('@anthropic-ai/claude-agent-sdk');
  return [process.execPath, dirname(sdk), ...(program === null ? [] : [dirname(program)])];
}
