import type {
  ChangeDiff,
  ChangeList,
  CommitChanges,
  CommittedChanges,
  DiffQuery,
  DiscardChange,
  DiscardedChange,
  Since,
  StageChanges,
  StagedChanges,
  UndoDiscard,
  UndoneDiscard,
} from '../../protocol/changes.ts';
import type { AgentDirectory } from '../../agents/agent.ts';
import { type ChatRow, findChat } from '../../store/chats.ts';
import type { Sql } from '../../store/database.ts';
import { rowHere } from '../assert-here.ts';
import { isTrustedNow } from '../directory-trust.ts';
import { ask, unknownChat } from '../storage.ts';
import type { Workspaces } from '../workspaces/workspaces.ts';
import type { Changes, ListOptions } from './changes.ts';
import type { Viewer } from './watches.ts';
import { changingChat, type ChangingChat } from './changing-chat.ts';

export type ChangesViewer = Pick<Viewer, 'onChange' | 'onEnd'>;

/** What has changed in chats' directories on this host. Throws `changes_unavailable`, `workspace_missing`. */
export class ChatChanges {
  readonly #sql: Sql;
  readonly #workspaces: Workspaces;
  readonly #agents: AgentDirectory;

  constructor({ sql, workspaces, agents }: { sql: Sql; workspaces: Workspaces; agents: AgentDirectory }) {
    this.#sql = sql;
    this.#workspaces = workspaces;
    this.#agents = agents;
  }

  async list(chatId: string, since: Since, options: ListOptions = {}): Promise<ChangeList> {
    return this.#workspaces.changes.list(await this.#find(chatId), since, options);
  }

  /** Of one file, or of all. */
  async diff(chatId: string, query: DiffQuery & { since: Since }): Promise<ChangeDiff> {
    return this.#workspaces.changes.diff(await this.#find(chatId), query);
  }

  /** Until the returned function is called, or `onEnd`. */
  async watch(chatId: string, viewer: ChangesViewer): Promise<() => void> {
    return this.#workspaces.changes.watch(await this.#find(chatId), viewer);
  }

  async stage(chatId: string, request: StageChanges): Promise<StagedChanges> {
    return this.#write(chatId, async (changes, chat, isTrusted) => ({
      count: await changes.stage(chat, request, isTrusted),
    }));
  }

  async unstage(chatId: string, request: StageChanges): Promise<StagedChanges> {
    return this.#write(chatId, async (changes, chat, isTrusted) => ({
      count: await changes.unstage(chat, request, isTrusted),
    }));
  }

  async discard(chatId: string, request: DiscardChange): Promise<DiscardedChange> {
    return this.#write(chatId, async (changes, chat, isTrusted) => ({
      undo: await changes.discard(chat, request, isTrusted),
    }));
  }

  async undo(chatId: string, { undo }: UndoDiscard): Promise<UndoneDiscard> {
    return this.#write(chatId, async (changes, chat, isTrusted) => ({
      files: await changes.undo(chat, undo, isTrusted),
    }));
  }

  async commit(chatId: string, request: CommitChanges): Promise<CommittedChanges> {
    return this.#write(chatId, (changes, chat, isTrusted) => changes.commit(chat, request, isTrusted));
  }

  async #write<T>(
    chatId: string,
    task: (changes: Changes, chat: ChangingChat, isTrusted: boolean) => Promise<T>,
  ): Promise<T & { chatId: string }> {
    const row = await this.#row(chatId);
    const isTrusted = await isTrustedNow(this.#sql, this.#agents, row);
    return { ...(await task(this.#workspaces.changes, changingChat(row), isTrusted)), chatId };
  }

  async #find(chatId: string): Promise<ChangingChat> {
    return changingChat(await this.#row(chatId));
  }

  async #row(chatId: string): Promise<ChatRow> {
    const row = await ask(() => findChat(this.#sql, chatId));
    if (!row) throw unknownChat();
    return rowHere(this.#workspaces, row);
  }
}
