/**
 * What happens in the chats of this host, told to whoever watches. It is made of what was stored anyway and asks the
 * database nothing. Several changes of a chat within one turn of the event loop are told as one, and a change of nothing
 * but its head is not told: that is what following the chat is for.
 */
import type { Chat } from '../protocol/chat.ts';
import type { Decision } from '../protocol/decision.ts';
import type { Event } from '../protocol/event.ts';
import { cleanText } from '../store/clean-text.ts';
import type { ChatNews } from './chats.ts';

export class News {
  readonly #watchers = new Set<(news: ChatNews) => void>();
  /** Chats that have changed and are told next. */
  readonly #changed = new Map<string, () => Chat>();
  /** Each chat as it was last told, without what is not worth telling. */
  readonly #told = new Map<string, string>();
  /** Decisions that somebody waits for. */
  readonly #pending = new Map<string, Decision>();

  watch(listener: (news: ChatNews) => void): () => void {
    this.#watchers.add(listener);
    return () => {
      this.#watchers.delete(listener);
      if (this.#watchers.size === 0) this.#told.clear();
    };
  }

  /** A chat may look different now; `view` is asked when it is told. */
  changed(chatId: string, view: () => Chat): void {
    if (this.#watchers.size === 0) return;
    if (this.#changed.size === 0) setImmediate(() => this.#tellChanged());
    this.#changed.set(chatId, view);
  }

  deleted(chatId: string): void {
    this.forget(chatId);
    this.#changed.delete(chatId);
    this.#told.delete(chatId);
    this.#tell({ type: 'chat_deleted', chatId });
  }

  /** An event was stored. */
  stored(event: Event): void {
    if (event.type === 'decision_requested') {
      const decision = requested(event);
      this.#pending.set(decision.id, decision);
      this.#tell({ type: 'decision', decision });
    } else if (event.type === 'decision_resolved') {
      const decision = this.#pending.get(event.decisionId);
      this.#pending.delete(event.decisionId);
      const { outcome, by, principal = null, via = null, at: resolvedAt } = event;
      const settled = { status: 'resolved', outcome, by, principal, via, resolvedAt } as const;
      if (decision) this.#tell({ type: 'decision', decision: { ...decision, ...settled } });
    }
  }

  /** Decisions that the chat's last holder left, and that are about to be cancelled. */
  left(decisions: readonly Decision[]): void {
    for (const decision of decisions) this.#pending.set(decision.id, decision);
  }

  /** The chat is not held here any more: what becomes of its decisions is another host's to tell. */
  forget(chatId: string): void {
    for (const { id, chatId: of } of this.#pending.values()) if (of === chatId) this.#pending.delete(id);
  }

  #tellChanged(): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const [chatId, view] of changed) {
      const chat = view();
      const gist = JSON.stringify({ ...chat, head: 0, updatedAt: '' });
      if (this.#watchers.size === 0 || this.#told.get(chatId) === gist) continue;
      this.#told.set(chatId, gist);
      this.#tell({ type: 'chat', chat });
    }
  }

  #tell(news: ChatNews): void {
    for (const listener of this.#watchers) listener(news);
  }
}

/** The decision as its row has it. */
function requested(event: Extract<Event, { type: 'decision_requested' }>): Decision {
  const {
    decisionId: id,
    chatId,
    turnId = null,
    kind,
    title,
    input,
    toolName,
    toolCallId,
    canAllowAlways,
    alwaysScope = [],
    at,
  } = event;
  return {
    id,
    chatId,
    turnId,
    kind,
    title: cleanText(title),
    input,
    toolName: toolName === undefined ? null : cleanText(toolName),
    toolCallId: toolCallId === undefined ? null : cleanText(toolCallId),
    canAllowAlways,
    alwaysScope,
    status: 'pending',
    requestedAt: at,
    resolvedAt: null,
    outcome: null,
    by: null,
    principal: null,
    via: null,
  };
}
