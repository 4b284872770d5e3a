/**
 * Notifies watchers of what happens in the chats of this host, without asking the database. Changes of a chat within one
 * turn of the event loop make one notification. A change of its head alone makes none: clients follow the chat for that.
 */
import type { Chat } from '../protocol/chat.ts';
import type { Decision } from '../protocol/decision.ts';
import type { Event } from '../protocol/event.ts';
import { cleanText } from '../store/clean-text.ts';
import type { ChatNotification } from './chats.ts';

export class ChatNotifier {
  readonly #watchers = new Set<(notification: ChatNotification) => void>();
  /** Chats that have changed since the last notification. */
  readonly #changed = new Map<string, () => Chat>();
  /** What was last sent about each chat, without the parts that are not worth a notification. */
  readonly #sent = new Map<string, string>();
  /** Decisions that an agent waits for. */
  readonly #pending = new Map<string, Decision>();

  watch(listener: (notification: ChatNotification) => void): () => void {
    this.#watchers.add(listener);
    return () => {
      this.#watchers.delete(listener);
      if (this.#watchers.size === 0) this.#sent.clear();
    };
  }

  /** A chat may look different now. `view` is called when the notification is made. */
  changed(chatId: string, view: () => Chat): void {
    if (this.#watchers.size === 0) return;
    if (this.#changed.size === 0) setImmediate(() => this.#notifyChanged());
    this.#changed.set(chatId, view);
  }

  deleted(chatId: string): void {
    this.forget(chatId);
    this.#changed.delete(chatId);
    this.#sent.delete(chatId);
    this.#notify({ type: 'chat_deleted', chatId });
  }

  /** An event was stored. */
  stored(event: Event): void {
    if (event.type === 'decision_requested') {
      const decision = requested(event);
      this.#pending.set(decision.id, decision);
      this.#notify({ type: 'decision', decision });
    } else if (event.type === 'decision_resolved') {
      const decision = this.#pending.get(event.decisionId);
      this.#pending.delete(event.decisionId);
      const { outcome, by, principal = null, via = null, at: resolvedAt } = event;
      const settled = { status: 'resolved', outcome, by, principal, via, resolvedAt } as const;
      if (decision) this.#notify({ type: 'decision', decision: { ...decision, ...settled } });
    }
  }

  /** Decisions that the chat's last holder left pending, and that are about to be cancelled. */
  left(decisions: readonly Decision[]): void {
    for (const decision of decisions) this.#pending.set(decision.id, decision);
  }

  /** This host no longer holds the chat, so it no longer announces its decisions. */
  forget(chatId: string): void {
    for (const { id, chatId: of } of this.#pending.values()) if (of === chatId) this.#pending.delete(id);
  }

  #notifyChanged(): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const [chatId, view] of changed) {
      const chat = view();
      const content = JSON.stringify({ ...chat, head: 0, updatedAt: '' });
      if (this.#watchers.size === 0 || this.#sent.get(chatId) === content) continue;
      this.#sent.set(chatId, content);
      this.#notify({ type: 'chat', chat });
    }
  }

  #notify(notification: ChatNotification): void {
    for (const listener of this.#watchers) listener(notification);
  }
}

/** The decision as stored in its row. */
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
    subagentCallId,
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
    subagentCallId: subagentCallId === undefined ? null : cleanText(subagentCallId),
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
