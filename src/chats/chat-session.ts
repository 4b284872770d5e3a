/** The agent's session of one chat that this host holds: opened for work, closed at rest, opened anew when it was lost. */
import { randomUUID } from 'node:crypto';
import type { AgentDirectory } from '../agents/agent.ts';
import type {
  AgentEvent,
  AgentSession,
  AgentSessionSpec,
  DirectoryContent,
  SessionCost,
} from '../agents/agent-backend.ts';
import type { Limiter } from '../lib/limiter.ts';
import type { Log } from '../lib/log.ts';
import type { McpServer } from '../protocol/chat.ts';
import { type BooError, toBooError } from '../protocol/error.ts';
import type { AgentBody } from '../protocol/event.ts';
import { openAgentSession } from '../store/agent-sessions.ts';
import { chatSessionStore } from '../store/chat-session-store.ts';
import type { ChatRow } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { FencedError } from '../store/storage-error.ts';
import type { ChatLog } from './chat-log.ts';
import { lookAtDirectory } from './directory-trust.ts';
import { assertApart } from './working-directory.ts';
import { move, type SessionPhase } from './session-phase.ts';

export interface ChatSessionParts {
  sql: Sql;
  log: ChatLog;
  logger: Log;
  /** No agent is started in a directory that overlaps it. */
  dataDir: string;
  /** Starting agent processes is heavy: only a few at once. */
  warmLimiter: Limiter;
  readonly agents: AgentDirectory;
  /** The end of the session that this host had of the chat before, where it was let go. */
  readonly before: Promise<void> | undefined;
  /** The chat as it is now: a session is opened with its settings, on its backend. */
  chat(): ChatRow;
  /** Throws once the chat is being let go. */
  assertRunning(): void;
  /** A turn that the agent began by itself. */
  onUnprompted(events: AsyncIterable<AgentEvent>): void;
  /** What the agent says outside a turn. */
  onEvent(event: AgentBody): void;
  /** The agent is at work. */
  onSign(): void;
  onMcpServers(servers: readonly McpServer[]): void;
  /** It has entered another phase. */
  onPhase(): void;
  /** What the agent has counted for the session that it goes on with. */
  onResumed(counted: SessionCost['models']): Promise<void>;
  /** What the session has cost beyond its turns. Resolves once it is stored; never rejects. */
  onCost(cost: SessionCost): Promise<void>;
}

export class ChatSession {
  readonly #parts: ChatSessionParts;
  #phase: SessionPhase = { is: 'closed' };
  #isOutdated = false;
  /** What the directory would have the agent load, as it was when the session was opened. */
  #directory: DirectoryContent | undefined;
  /** What people had the agent keep in the directory's settings, and nobody has looked for there yet. */
  #keptRules: string[] = [];
  /** The content that the log has said is not trusted. */
  #toldDigest: string | undefined;

  constructor(parts: ChatSessionParts) {
    this.#parts = parts;
  }

  get phase(): SessionPhase['is'] {
    return this.#phase.is;
  }

  /** Why it could not be opened, as long as nobody has tried again. */
  get failure(): BooError | undefined {
    return this.#phase.is === 'closed' ? this.#phase.failure : undefined;
  }

  /** The agent's own session, while it is open. */
  get handle(): AgentSession | undefined {
    return this.#phase.is === 'open' ? this.#phase.handle : undefined;
  }

  /** Open, and as the chat's settings want it, in the directory as it was looked at. */
  get isReady(): boolean {
    return this.#phase.is === 'open' && !this.#isOutdated && this.#directory?.isCurrent() !== false;
  }

  /** A setting has changed that holds from the start: the session is opened anew before the next turn. */
  outdate(): void {
    this.#isOutdated = true;
  }

  /** A person had the agent remember these rules, which it keeps in the directory. */
  noteRules(rules: readonly string[]): void {
    this.#keptRules.push(...rules);
  }

  /** Starts or resumes the session where needed. Between turns only. */
  async warm(): Promise<void> {
    for (;;) {
      if (this.#phase.is === 'open' && this.#directory?.isCurrent() === false) await this.#lookAgain();
      if (this.isReady) return;
      // Again where a setting changed while it opened.
      await this.#reopen();
    }
  }

  async #reopen(): Promise<void> {
    await this.closed();
    await this.close();
    const abort = new AbortController();
    const opening = this.#parts.warmLimiter(() => this.#open(abort.signal));
    const done = opening.then(
      () => undefined,
      () => undefined,
    );
    this.#enter({ is: 'opening', abort, done });
    try {
      await opening;
    } catch (error) {
      this.#enter({ is: 'closed', failure: toBooError(error) });
      throw error;
    }
  }

  /** Waits for a closing that is under way. */
  async closed(): Promise<void> {
    if (this.#phase.is === 'closing') await this.#phase.done;
  }

  /** Ends an open session in order, or waits until it has ended. Between turns only. */
  async close(): Promise<void> {
    if (this.#phase.is === 'closing') return this.#phase.done;
    if (this.#phase.is !== 'open') return;
    const done = this.#phase.handle.close().finally(() => this.#enter({ is: 'closed' }));
    this.#enter({ is: 'closing', done });
    await done;
  }

  /** Ends the session at once, whatever it does: the chat belongs to another host now. */
  async abandon(): Promise<void> {
    if (this.#phase.is === 'opening') {
      this.#phase.abort.abort();
      await this.#phase.done;
    }
    if (this.#phase.is === 'open') await this.#phase.handle.close();
    await this.closed();
  }

  /** What kept it from opening may be otherwise now. */
  forgetFailure(): void {
    if (this.#phase.is === 'closed') this.#enter({ is: 'closed' });
  }

  /** Something was written in the directory: mostly nothing that matters. */
  async #lookAgain(): Promise<void> {
    const { content } = await this.#look();
    if (content && content.digest === this.#directory?.digest) this.#directory = content;
  }

  async #look(): ReturnType<typeof lookAtDirectory> {
    const { sql, log, agents } = this.#parts;
    const { agent, cwd } = this.#parts.chat();
    const state = await lookAtDirectory(sql, agents.agentFor(agent), cwd, {
      keptRules: this.#keptRules,
      ask: (statement) => log.ask(statement),
    });
    this.#keptRules = [];
    return state;
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { sql, log, logger, agents } = this.#parts;
    this.#isOutdated = false;
    const {
      id: chatId,
      agent,
      backend: name,
      cwd,
      agentDirectory,
      model,
      effort,
      permissionMode,
      trusted,
      acceptsAgentMessages,
    } = this.#parts.chat();
    const backend = agents.backendFor(name);
    await assertApart(cwd, this.#parts.dataDir);
    const wanted = { agent, backend: name, sessionId: randomUUID() };
    const session = await log.ask(() => openAgentSession(sql, log.lease, wanted));
    if (!session) throw new FencedError(chatId);
    // Let go meanwhile: what is not opened need not be closed.
    this.#parts.assertRunning();
    const directory = trusted ? await this.#look() : undefined;
    if (directory?.reason) await this.#tell(directory.reason, directory.content?.digest ?? '');
    this.#parts.assertRunning();
    let open: SessionPhase | undefined;
    let lost: BooError | undefined;
    await this.#parts.before;
    const spec: AgentSessionSpec = {
      chatId,
      sessionId: session.sessionId,
      cwd,
      agentDirectory,
      model,
      effort,
      permissionMode,
      trusted: directory?.trusted === true,
      directory: directory?.content,
      acceptsAgentMessages,
      sessionStore: chatSessionStore(sql, log.lease, agents.agentFor(agent).foldSummary),
      onUnprompted: (events) => this.#parts.onUnprompted(events),
      onEvent: (event) => this.#parts.onEvent(event),
      onResumed: (counted) => this.#parts.onResumed(counted),
      onCost: (cost) => this.#parts.onCost(cost),
      onSign: () => this.#parts.onSign(),
      onMcpServers: (servers) => this.#parts.onMcpServers(servers),
      onLost: (cause) => {
        logger.warn({ chatId, cause: cause.message }, 'The agent process was lost.');
        lost = cause;
        if (open !== undefined && this.#phase === open) this.#enter({ is: 'closed' });
      },
    };
    const handle = await backend.openSession(spec, signal);
    // It may be gone again, before anybody could look.
    if (lost !== undefined) throw lost;
    this.#directory = directory?.content;
    open = { is: 'open', handle };
    this.#enter(open);
  }

  /** Once for each content, as long as this host holds the chat. */
  async #tell({ message, data }: { message: string; data: Record<string, unknown> }, digest: string): Promise<void> {
    if (this.#toldDigest === digest) return;
    this.#toldDigest = digest;
    const { id } = this.#parts.chat();
    const how = `${message} Look at it and trust it with: boocode trust ${id}`;
    const body = { type: 'notice', level: 'warning', code: 'trust_changed', message: how, data } as const;
    await this.#parts.log.append({ events: [{ body }] });
  }

  #enter(next: SessionPhase): void {
    this.#phase = move(this.#phase, next);
    this.#parts.onPhase();
  }
}
