/**
 * Sessions from elsewhere that become chats. During the import the chat is a hidden row: its entries are stored like
 * those of any chat, under its epoch. Finishing the import claims the chat, writes its log from what is stored, and
 * makes the chat visible with the last statement. After any failure before that, the import can be finished again or
 * started over.
 */
import type { CreateChat } from '../protocol/chat.ts';
import type { SessionStoreEntry } from '../protocol/session-store.ts';
import type { Agent, AgentDirectory, History } from '../agents/agent.ts';
import { textOf } from '../protocol/text-of.ts';
import { BooError } from '../protocol/error.ts';
import type { Actor } from '../protocol/principal.ts';
import type { AgentBody } from '../protocol/event.ts';
import type { BeginImport, ImportLines, ImportProgress, SessionImport } from '../protocol/import.ts';
import { openAgentSession } from '../store/agent-sessions.ts';
import { type ChatSessionStore, chatSessionStore } from '../store/chat-session-store.ts';
import { type ChatRow, findChat, type NewChat } from '../store/chats.ts';
import type { SlowLane } from '../store/slow-lane.ts';
import { appendEvents, type Lease } from '../store/events.ts';
import {
  claimImport,
  findChatOfSession,
  findImport,
  type ImportRow,
  insertImport,
  publishImport,
  removeImports,
} from '../store/imports.ts';
import { listTranscripts, readEntries, type TranscriptPart } from '../store/session-transcripts.ts';
import { FencedError, isUniqueViolation } from '../store/storage-error.ts';
import { parseEntries } from './imported-entries.ts';
import { ask, write } from './storage.ts';
import { titleFrom } from './title.ts';

export interface ImportsParts {
  slow: SlowLane;
  hostId: string;
  agents: AgentDirectory;
  /** What to store for a new chat. */
  newChat(input: CreateChat, actor: Actor | undefined): Promise<NewChat>;
  /** Trusts the directory as it is now. */
  trust(chat: Pick<ChatRow, 'agent' | 'cwd'>): Promise<void>;
}

const maxEventsAtOnce = 200;
const rememberedStores = 20;

export class Imports {
  readonly #parts: ImportsParts;
  /** For the imports that most recently received lines. */
  readonly #stores = new Map<string, ChatSessionStore>();

  constructor(parts: ImportsParts) {
    this.#parts = parts;
  }

  async begin({ sessionId, ...input }: BeginImport, actor?: Actor): Promise<SessionImport> {
    const { sql } = this.#parts.slow;
    const chat = await this.#parts.newChat(input, actor);
    assertImports(this.#parts.agents.agentFor(chat.agent));
    await this.#assertFree(sessionId);
    if (chat.trusted) await this.#parts.trust(chat);
    await write(async () => {
      // An interrupted one starts over.
      await removeImports(sql, { sessionId });
      await insertImport(sql, chat, sessionId).catch((error: unknown) => {
        if (isUniqueViolation(error, 'chats')) throw busy();
        throw error;
      });
    });
    return { id: chat.id, sessionId };
  }

  /** Its progress. */
  async read(importId: string): Promise<ImportProgress> {
    const { id, sessionId, events } = await this.#find(importId);
    return { id, sessionId, events };
  }

  async addLines(importId: string, { subpath, lines }: ImportLines): Promise<void> {
    const found = await this.#find(importId);
    const entries = parseEntries(lines);
    const store = this.#storeOf(found);
    const key = { projectKey: 'chat', sessionId: found.sessionId, ...(subpath === undefined ? {} : { subpath }) };
    await whileOurs(() => store.append(key, entries));
  }

  /** One store for all lines of an import: it knows what it stored last, and need not ask for every batch. */
  #storeOf({ id: importId, agent }: ImportRow): ChatSessionStore {
    // Under the epoch it was started with: while it is being finished, nothing more can be added.
    const lease = { chatId: importId, hostId: this.#parts.hostId, epoch: 0, nextSeq: 1 };
    const { foldSummary } = this.#parts.agents.agentFor(agent);
    const store = this.#stores.get(importId) ?? chatSessionStore(this.#parts.slow.sql, lease, foldSummary);
    this.#stores.delete(importId);
    this.#stores.set(importId, store);
    const [oldest] = this.#stores.keys();
    if (this.#stores.size > rememberedStores && oldest !== undefined) this.#stores.delete(oldest);
    return store;
  }

  async finish(importId: string): Promise<ChatRow> {
    const { slow, hostId } = this.#parts;
    const { sql } = slow;
    const { sessionId } = await this.#find(importId);
    const lease = await write(() => claimImport(sql, importId, hostId));
    const row = lease && (await ask(() => findChat(sql, importId, { importing: true })));
    if (!row) throw unknown();
    await whileOurs(async () => {
      await this.#writeLog(lease, row, sessionId);
      await openAgentSession(sql, lease, { agent: row.agent, backend: row.backend, sessionId, isAdopted: true });
      if (!(await publishImport(sql, lease))) {
        await this.#assertFree(sessionId);
        throw busy();
      }
    });
    const chat = await ask(() => findChat(sql, importId));
    if (!chat) throw unknown();
    return chat;
  }

  async remove(importId: string): Promise<void> {
    if ((await write(() => removeImports(this.#parts.slow.sql, { id: importId }))) === 0) throw unknown();
  }

  /** The log of what was said before, from the main transcript. */
  async #writeLog(lease: Lease, row: ChatRow, sessionId: string): Promise<void> {
    const { sql } = this.#parts.slow;
    const parts = await listTranscripts(this.#parts.slow, row.id);
    const main = parts.find((part) => part.sessionId === sessionId && part.subpath === '');
    const history = assertImports(this.#parts.agents.agentFor(row.agent))();
    let isSaid = false;
    let { title } = row;
    const append = async (bodies: readonly AgentBody[]): Promise<void> => {
      for (let at = 0; at < bodies.length; at += maxEventsAtOnce) {
        const some = bodies.slice(at, at + maxEventsAtOnce);
        const named = title === null ? titleOf(some) : null;
        title ??= named;
        const events = some.map((body) => ({ body }));
        await appendEvents(sql, lease, { events, ...(named === null ? {} : { chat: { title: named } }) });
      }
    };
    await append([adopted(sessionId)]);
    for await (const page of main ? this.#pages(row.id, main) : []) {
      isSaid ||= page.some((entry) => entry.type === 'user' || entry.type === 'assistant');
      await append(history.map(page));
    }
    await append(history.end());
    if (!isSaid)
      throw new BooError('invalid_request', 'This transcript contains no messages, so it cannot become a chat.');
  }

  async *#pages(chatId: string, { key }: TranscriptPart): AsyncGenerator<SessionStoreEntry[], void, undefined> {
    for (let after = 0; ;) {
      const page = await readEntries(this.#parts.slow, chatId, key, after);
      const last = page.at(-1);
      if (!last) return;
      yield page.map(({ json }) => JSON.parse(json) as SessionStoreEntry);
      after = last.ordinal;
    }
  }

  async #find(importId: string): Promise<ImportRow> {
    const found = await ask(() => findImport(this.#parts.slow.sql, importId));
    if (!found) throw unknown();
    return found;
  }

  async #assertFree(sessionId: string): Promise<void> {
    const chat = await ask(() => findChatOfSession(this.#parts.slow.sql, sessionId));
    if (!chat) return;
    throw new BooError('session_taken', `Chat ${chat.id} already has this session.`, { details: { chatId: chat.id } });
  }
}

/** Throws `invalid_request` if the agent's sessions cannot be imported. */
function assertImports(agent: Agent): () => History {
  if (agent.createHistory) return agent.createHistory.bind(agent);
  throw new BooError('invalid_request', `agent: sessions of ${agent.label} cannot become chats.`, {
    details: { field: 'agent' },
  });
}

function adopted(sessionId: string): AgentBody {
  const message = 'The following was said before this chat was imported.';
  return { type: 'notice', level: 'info', code: 'adopted', message, data: { sessionId } };
}

function titleOf(bodies: readonly AgentBody[]): string | null {
  for (const body of bodies) {
    const title = body.type === 'user_message' ? titleFrom(textOf(body.content)) : null;
    if (title !== null) return title;
  }
  return null;
}

async function whileOurs<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await write(task);
  } catch (error) {
    if (error instanceof BooError && error.cause instanceof FencedError) throw unknown();
    throw error;
  }
}

function unknown(): BooError {
  return new BooError('not_found', 'This import does not exist: it was finished, removed or started over.');
}

function busy(): BooError {
  return new BooError('chat_busy', 'This session is being imported right now. Try again shortly.');
}
