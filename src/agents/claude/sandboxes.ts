/** Decides for each session whether its program runs in a sandbox, and moves the session's files there or back. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Log } from '../../lib/log.ts';
import { BooError } from '../../protocol/error.ts';
import { networkInForce, sandboxInForce } from '../../protocol/sandbox.ts';
import type { SandboxSettings } from '../agent.ts';
import type { AgentSessionSpec } from '../agent-backend.ts';
import { type Bubblewrap, findBubblewrap } from '../sandbox/bubblewrap.ts';
import { GitGuard } from '../sandbox/git-guard.ts';
import { openSandboxNetwork, type SandboxNetwork } from '../sandbox/network.ts';
import { createSandbox, type Sandbox, type SandboxParts } from '../sandbox/sandbox.ts';
import {
  configDirFor,
  copyProgramState,
  prepareSandboxDirectory,
  sandboxDirectory,
} from '../sandbox/session-directory.ts';
import { configDirOf, storeLeft } from './files/transcript-file.ts';
import { findClaudeProgram } from './claude-program.ts';
import { providerRules } from './provider-hosts.ts';

export interface SandboxesParts {
  env: Readonly<Record<string, string>>;
  /** Without it nothing runs in a sandbox. */
  dataDir?: string | undefined;
  sandbox?: SandboxSettings | undefined;
  logger?: Log;
  /** For tests. */
  findBubblewrap?: (isApart?: boolean) => Bubblewrap;
}

/** What a session's program is started with. */
export interface SessionPlace {
  env: Readonly<Record<string, string>>;
  /** The server's own files, if the program could reach them; else null. */
  dataDir: string | null;
  sandbox?: Sandbox;
}

type Spec = Pick<AgentSessionSpec, 'chatId' | 'sessionId' | 'cwd' | 'sessionStore' | 'onEvent'> &
  Partial<Pick<AgentSessionSpec, 'sandbox' | 'sandboxNetwork' | 'variables'>>;

type Made = Pick<SandboxParts, 'bubblewrap' | 'directory' | 'dataDir' | 'network'>;

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

  /**
   * Call it before a session is opened, and close what it returns once the session is over. `ports`: those of this process that
   * the program needs. Throws `agent_failed` or `cwd_invalid` if it must have a sandbox and cannot.
   */
  async place(spec: Spec, ports: readonly number[] = []): Promise<SessionPlace> {
    const { dataDir, sandbox: settings } = this.#parts;
    // What the server gives all agents goes before what one chat gets.
    const env = { ...spec.variables, ...this.#parts.env };
    const outside = { env, dataDir: dataDir ?? null };
    if (dataDir === undefined) return outside;
    const mode = sandboxInForce(settings?.mode ?? 'off', spec.sandbox ?? null);
    if (mode !== 'off') {
      try {
        const sandbox = await this.#enter(spec, dataDir, ports);
        return { env: { ...env, ...sandbox.env, ...(sandbox.isLimited ? quiet : {}) }, dataDir: null, sandbox };
      } catch (error) {
        if (mode === 'required' || !(error instanceof BooError)) throw error;
        this.#tell(spec, error);
      }
    }
    await this.#leave(spec, dataDir);
    return outside;
  }

  async #enter(spec: Spec, dataDir: string, ports: readonly number[]): Promise<Sandbox> {
    const { sandbox: settings } = this.#parts;
    const mode = networkInForce(settings?.network ?? 'open', spec.sandboxNetwork ?? null);
    const found = (this.#parts.findBubblewrap ?? findBubblewrap)(mode !== 'open');
    if ('reason' in found) {
      throw new BooError('agent_failed', `This chat needs a sandbox, and there is none: ${found.reason} ${found.fix}`);
    }
    const directory = sandboxDirectory(dataDir, spec.sessionId);
    const network = mode === 'open' ? undefined : await this.#openNetwork(spec, mode, ports);
    try {
      return await this.#create(spec, { dataDir, directory, bubblewrap: found.path, network });
    } catch (error) {
      await network?.close();
      throw error;
    }
  }

  async #openNetwork(spec: Spec, mode: 'limited' | 'off', ports: readonly number[]): Promise<SandboxNetwork> {
    const { env, sandbox: settings, logger } = this.#parts;
    if (Object.entries(env).some(([name, value]) => value !== '' && /^(https?|all)_proxy$/i.test(name))) {
      throw new BooError(
        'agent_failed',
        'The network of a sandbox cannot be limited where the server’s environment names a proxy (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY).',
      );
    }
    return openSandboxNetwork({
      rules: [...providerRules(env), ...(mode === 'limited' ? (settings?.hosts ?? []) : [])],
      ports,
      onRefused(target) {
        logger?.info({ chatId: spec.chatId, target }, 'A sandbox was refused a host.');
        tellRefusal(spec, target);
      },
    });
  }

  async #create(spec: Spec, made: Made): Promise<Sandbox> {
    const { env, sandbox: settings } = this.#parts;
    const { directory } = made;
    const sandbox = createSandbox({
      ...made,
      cwd: spec.cwd,
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

/** What the program asks of other hosts for itself would only be refused, and told in the chat. */
const quiet = {
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL: '1',
  DISABLE_AUTOUPDATER: '1',
};

function tellRefusal({ onEvent }: Spec, target: string): void {
  const message = `The sandbox did not let the agent reach ${target}. The server’s setting --sandbox-hosts names what it reaches.`;
  onEvent({ type: 'notice', level: 'info', code: 'host_refused', message, data: { target } });
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
