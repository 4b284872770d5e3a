/**
 * What goes into the audit log of a request: by the guard, from the route itself, so that a new route is covered by being one.
 *
 * Everything that is not a GET counts, done or refused, and so do the GETs that say so (`isAudited`) and all others about a chat
 * that is not the caller's: one row per person, chat and hour. A request that another host answers is written down by the one
 * that the client has reached, which knows where it came from; the other one only tells the details, in a header.
 */
import type { Act } from '../chats/audit-log.ts';
import type { Principal } from '../protocol/principal.ts';
import type { AuditPacer } from './audit-pacer.ts';

/** The details of a request that was sent on. */
export const detailsHeader = 'boocode-audit';

/** What a handler may add. */
export interface Trail {
  /** What only the handler knows of the act. Nothing secret, and no text that somebody wrote. */
  tell(facts: { chatId?: string; person?: Principal; details?: Readonly<Record<string, unknown>> }): void;
  /** Something that the caller does later, over a socket. */
  add(act: string, facts?: { chatId?: string; details?: Readonly<Record<string, unknown>> }): void;
  /** The caller reads a chat, over a socket. */
  read(chatId: string): void;
  /** Somebody reads a chat by a link: one entry per link, source and hour. */
  opened(chatId: string, linkId: string): void;
}

export const noTrail: Trail = { tell() {}, add() {}, read() {}, opened() {} };

export interface Asking {
  route: { readonly id: string; readonly isAudited?: true | undefined } | undefined;
  request: Request;
  chatId: string | undefined;
  /** Who asks, once that is known. */
  principal: () => Principal | undefined;
  source: string | null;
  isForwarded: () => boolean;
  /** Whether the chat is the caller's own, so that reading it is nobody's business. */
  isOwn: (principal: Principal, chatId: string) => boolean | Promise<boolean>;
}

export interface RequestTrail extends Trail {
  /** Writes the act down, or tells it to the host that has sent the request on. */
  finish(response: Response, code?: string): Promise<void>;
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function createTrail(pacer: AuditPacer, asking: Asking): RequestTrail {
  const { route, request, source, isForwarded } = asking;
  const via = viaOf(request.headers);
  let chatId = asking.chatId !== undefined && uuid.test(asking.chatId) ? asking.chatId.toLowerCase() : null;
  let details: Record<string, unknown> = {};
  let told: Principal | undefined;
  const put = (act: Omit<Act, 'person' | 'via' | 'source'>): Promise<void> => {
    const person = told ?? asking.principal() ?? null;
    return pacer.put({ person, via, source: isForwarded() ? null : source, ...act });
  };

  const readBy = async (chat: string, first: string): Promise<void> => {
    const person = asking.principal();
    if (!person || pacer.hasRead(person.id, chat) || (await asking.isOwn(person, chat))) return;
    pacer.noteRead(person.id, chat);
    await put({ act: 'readChat', chatId: chat, outcome: 'done', details: { first } });
  };

  return {
    tell(facts) {
      if (facts.chatId !== undefined) ({ chatId } = facts);
      if (facts.person) told = facts.person;
      details = { ...details, ...facts.details };
    },
    add: (act, facts = {}) => void put({ act, chatId, outcome: 'done', ...facts }),
    opened(chat, linkId) {
      const reader = `link ${linkId} ${source ?? ''}`;
      if (pacer.hasRead(reader, chat)) return;
      pacer.noteRead(reader, chat);
      void put({ act: 'openShareLink', chatId: chat, outcome: 'done', details: { linkId } });
    },
    read: (chat) => void readBy(chat, 'openLive').catch(() => undefined),
    async finish(response, refusedAs) {
      const other = response.headers.get(detailsHeader);
      response.headers.delete(detailsHeader);
      if (other !== null) ({ chatId = chatId, ...details } = partsOf(other));
      const created = createdChat(response);
      if (created !== undefined && chatId === null) chatId = created;
      else if (created !== undefined) details = { ...details, created };
      if (isForwarded()) {
        const facts = { ...(chatId !== null && { chatId }), ...details };
        response.headers.set(detailsHeader, encodeURIComponent(JSON.stringify(facts)));
        return;
      }
      const { status } = response;
      const isDone = status < 400;
      const isRead = request.method === 'GET' || request.method === 'HEAD';
      if (isRead && !route?.isAudited) {
        if (isDone && chatId !== null && route) await readBy(chatId, route.id);
        else if (status === 403 && asking.principal() && route) {
          await put({
            act: route.id,
            chatId,
            outcome: 'refused',
            code: refusedAs ?? (await codeOf(response)),
            details,
          });
        }
        return;
      }
      // Without anybody known it is told by the wrong credential, if there was one.
      if (!told && !asking.principal()) return;
      const outcome = isDone ? 'done' : status >= 500 || status === 499 ? 'failed' : 'refused';
      const code = isDone ? null : (refusedAs ?? (await codeOf(response)));
      await put({ act: route?.id ?? 'unknown', chatId, outcome, code, details });
    },
  };
}

function viaOf(headers: Headers): string {
  const name = headers.get('boocode-client') ?? '';
  return /^[\x20-\x7e]{1,64}$/.test(name) ? name : 'api';
}

function createdChat({ status, headers }: Response): string | undefined {
  const [, id] = /^\/v1\/chats\/([0-9a-f-]{36})$/.exec(status === 201 ? (headers.get('location') ?? '') : '') ?? [];
  return id;
}

/** Of an answer of another host. */
async function codeOf(response: Response): Promise<string> {
  if (response.status === 499) return 'hung_up';
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) return String(response.status);
  const { code } = (await response.clone().json()) as { code?: unknown };
  return typeof code === 'string' ? code : String(response.status);
}

function partsOf(header: string): { chatId?: string } & Record<string, unknown> {
  try {
    const { chatId, ...rest } = JSON.parse(decodeURIComponent(header)) as Record<string, unknown>;
    return { ...(typeof chatId === 'string' && uuid.test(chatId) && { chatId }), ...rest };
  } catch {
    return {};
  }
}

/** Fields whose values are settings, not text: what somebody who looks for an act wants to know of it. */
const telling = new Set([
  'access',
  'acceptsAgentMessages',
  'archived',
  'backend',
  'dayUsd',
  'serverUsd',
  'budgetUsd',
  'isPaused',
  'isolation',
  'model',
  'onInterrupted',
  'outcome',
  'permissionMode',
  'resumeAtReset',
  'role',
  'running',
  'trusted',
  'visibility',
  'what',
]);
const maxFields = 30;

/** Of a valid request: its ids, the names of the body's fields, and the values of a few of them. */
export function safeDetails(params: unknown, body: unknown): Record<string, unknown> {
  const { chatId: _, ...ids } = asRecord(params);
  const given = Object.entries(asRecord(body)).filter(([, value]) => value !== undefined);
  const values = given.filter(([name, value]) => telling.has(name) && isPlain(value));
  return {
    ...Object.fromEntries(Object.entries(ids).filter(([, value]) => isPlain(value))),
    ...Object.fromEntries(values),
    ...(given.length > 0 && { fields: given.slice(0, maxFields).map(([name]) => name.slice(0, 64)) }),
  };
}

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};

/** Short, and of characters that names and ids have. */
const isPlain = (value: unknown): boolean =>
  value === null ||
  typeof value === 'boolean' ||
  typeof value === 'number' ||
  (typeof value === 'string' && /^[\w.:@[\]-]{1,100}$/.test(value));
