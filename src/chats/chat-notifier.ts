/**
 * Notifies watchers of what happens in the chats: in those of this host without asking the database, in all others of
 * what `changes-elsewhere.ts` finds. Changes of a chat within one turn of the event loop make one notification. A change
 * of its head alone makes none: clients follow the chat for that.
 */
import type { Chat } from '../protocol/chat.ts';
import type { Decision } from '../protocol/decision.ts';
import type { Event } from '../protocol/event.ts';
import { cleanText } from '../store/clean-text.ts';
import type { ChatNotification } from './chats.ts';

/**
 * What this host does with its chats, for whoever tells other hosts or follows what those do. `logged`: its log has
 * grown. `changed`: a notification about it is made, or its lease was taken or released. `left`: this host has let it go.
 * `deleted`: for good.
 */
export interface OwnChange {
  type: 'logged' | 'changed' | 'left' | 'deleted';
  chatId: string;
}

const maxToldResolved = 1_000;
const maxDeleted = 10_000;

export class ChatNotifier {
  readonly #watchers = new Set<(notification: ChatNotification) => void>();
  readonly #observers = new Set<(change: OwnChange) => void>();
  /** Chats that have changed since the last notification. */
  readonly #changed = new Map<string, () => Chat>();
  /** What was last sent about each chat, without the parts that are not worth a notification. */
  readonly #sent = new Map<string, string>();
  /** Decisions that an agent waits for. */
  readonly #pending = new Map<string, Decision>();
  /** What watchers know of decisions. */
  readonly #told = new Map<string, { chatId: string; status: Decision['status'] }>();

  /** The latest chats that were deleted: nothing is told of them any more, whoever still believes to hold one. */
  readonly #deleted = new Set<string>();

  watch(listener: (notification: ChatNotification) => void): () => void {
    if (this.#watchers.size === 0) this.#forgetTold();
    this.#watchers.add(listener);
    return () => {
      this.#watchers.delete(listener);
      if (this.#watchers.size === 0) this.#forgetTold();
    };
  }

  /** Calls the observer with what this host does with its chats. */
  observe(observer: (change: OwnChange) => void): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /** A chat may look different now. `view` is called when the notification is made. */
  changed(chatId: string, view: () => Chat): void {
    if (this.#watchers.size === 0 && this.#observers.size === 0) return;
    if (this.#changed.size === 0) setImmediate(() => this.#notifyChanged());
    this.#changed.set(chatId, view);
  }

  /** Its lease was taken or released. */
  leaseChanged(chatId: string): void {
    this.#observed({ type: 'changed', chatId });
  }

  deleted(chatId: string): void {
    this.#forgetPending(chatId);
    this.#observed({ type: 'deleted', chatId });
    this.deletedElsewhere(chatId);
  }

  /** An event was stored. */
  stored(event: Event): void {
    this.#observed({ type: 'logged', chatId: event.chatId });
    if (event.type === 'decision_requested') {
      const decision = requested(event);
      this.#pending.set(decision.id, decision);
      this.#tellDecision(decision);
    } else if (event.type === 'decision_resolved') {
      const decision = this.#pending.get(event.decisionId);
      this.#pending.delete(event.decisionId);
      const { outcome, by, principal = null, via = null, at: resolvedAt } = event;
      const settled = { status: 'resolved', outcome, by, principal, via, resolvedAt } as const;
      if (decision) this.#tellDecision({ ...decision, ...settled });
    }
  }

  /** Decisions that the chat's last holder left pending, and that are about to be cancelled. */
  left(decisions: readonly Decision[]): void {
    for (const decision of decisions) this.#pending.set(decision.id, decision);
  }

  /** This host has taken a chat, with what its last holder left open. Watchers may know it as that one had it. */
  tookOver(chat: { readonly id: string; readonly view: Chat }, open: readonly { decision: Decision }[]): void {
    if (this.#sent.has(chat.id)) this.changed(chat.id, () => chat.view);
    for (const { decision } of open) {
      if (decision.status === 'pending' && !this.#knows(decision)) this.#tellDecision(decision);
    }
  }

  /** This host no longer holds the chat, so it no longer announces its decisions. */
  forget(chatId: string): void {
    this.#forgetPending(chatId);
    this.#changed.delete(chatId);
    this.#observed({ type: 'left', chatId });
  }

  /** A chat as it is now on another host, or at rest. Without `isNews`, watchers know it already. */
  changedElsewhere(chat: Chat, isNews = true): void {
    const content = JSON.stringify({ ...chat, head: 0, updatedAt: '' });
    if (this.#sent.get(chat.id) === content || this.#deleted.has(chat.id)) return;
    this.#sent.set(chat.id, content);
    if (isNews) this.#notify({ type: 'chat', chat });
  }

  /** Without `isNews`, watchers know it already. */
  deletedElsewhere(chatId: string, isNews = true): void {
    if (this.#deleted.has(chatId)) return;
    this.#deleted.add(chatId);
    for (const oldest of this.#deleted) if (this.#deleted.size > maxDeleted) this.#deleted.delete(oldest);
    this.#sent.delete(chatId);
    for (const [id, told] of this.#told) if (told.chatId === chatId) this.#told.delete(id);
    if (isNews) this.#notify({ type: 'chat_deleted', chatId });
  }

  /** A decision as another host has stored it. */
  decidedElsewhere(decision: Decision): void {
    if (!this.#knows(decision)) this.#tellDecision(decision, false);
  }

  /** Watchers learn of these in another way, or need not. */
  noteTold(decisions: readonly Pick<Decision, 'id' | 'chatId' | 'status'>[]): void {
    for (const { id, chatId, status } of decisions) if (!this.#told.has(id)) this.#told.set(id, { chatId, status });
  }

  #notifyChanged(): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const [chatId, view] of changed) {
      const chat = view();
      const content = JSON.stringify({ ...chat, head: 0, updatedAt: '' });
      const isWatched = this.#watchers.size > 0 || this.#observers.size > 0;
      if (!isWatched || this.#deleted.has(chatId) || this.#sent.get(chatId) === content) continue;
      // Other hosts are rung for every chat: of those at rest, nothing is kept for that alone.
      if (this.#watchers.size === 0 && chat.state === 'cold') this.#sent.delete(chatId);
      else this.#sent.set(chatId, content);
      this.#notify({ type: 'chat', chat });
      this.#observed({ type: 'changed', chatId });
    }
  }

  /** A settled decision never becomes pending again. */
  #knows({ id, status }: Decision): boolean {
    const told = this.#told.get(id)?.status;
    return told === 'resolved' || told === status;
  }

  #tellDecision(decision: Decision, isOwn = true): void {
    const { id, chatId, status } = decision;
    if (this.#watchers.size > 0) {
      this.#told.delete(id);
      this.#told.set(id, { chatId, status });
      this.#boundTold();
      this.#notify({ type: 'decision', decision });
    }
    if (isOwn) this.#observed({ type: 'changed', chatId });
  }

  /** Of settled decisions only the latest can still be mentioned by a late answer of the database. */
  #boundTold(): void {
    if (this.#told.size <= maxToldResolved) return;
    const resolved = [...this.#told].filter(([, { status }]) => status === 'resolved').map(([id]) => id);
    for (const id of resolved.slice(0, -maxToldResolved / 2)) this.#told.delete(id);
  }

  #forgetPending(chatId: string): void {
    for (const { id, chatId: of } of this.#pending.values()) if (of === chatId) this.#pending.delete(id);
  }

  #forgetTold(): void {
    this.#sent.clear();
    this.#told.clear();
  }

  #notify(notification: ChatNotification): void {
    for (const listener of this.#watchers) listener(notification);
  }

  #observed(change: OwnChange): void {
    for (const observer of this.#observers) observer(change);
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
