/**
 * Trust belongs to a directory's real path and to the content that a person has reviewed. A chat says that it wants its
 * directory's settings; they are loaded as long as the content is what was trusted. Any other content must be reviewed
 * again, and until then turns run without it instead of waiting, because nobody may be there to answer.
 */
import type { Agent, AgentDirectory } from '../agents/agent.ts';
import type { DirectoryContent, DirectoryFile } from '../agents/agent-backend.ts';
import { BooError, toBooError } from '../protocol/error.ts';
import type { ChatTrust, TrustFile } from '../protocol/trust.ts';
import type { ChatRow } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { findTrust, insertTrust, type TrustedFile } from '../store/directory-trusts.ts';
import { ask, write } from './storage.ts';

type Reader = Pick<Agent, 'readDirectory'>;

/** How to open a session of a chat that wants its directory's settings. */
export interface DirectoryState {
  trusted: boolean;
  /** Absent if it could not be read. */
  content: DirectoryContent | undefined;
  /** Why the current content is not trusted. */
  reason?: { message: string; data: Record<string, unknown> };
}

export interface LookOptions {
  /** What people have just had the agent store in the directory's settings. */
  keptRules: readonly string[];
  /** Runs a statement, and again if the database was away. */
  ask<T>(statement: () => Promise<T>): Promise<T>;
}

export async function lookAtDirectory(
  sql: Sql,
  agent: Reader,
  cwd: string,
  options: LookOptions,
): Promise<DirectoryState> {
  if (!agent.readDirectory) return { trusted: true, content: undefined };
  let content: DirectoryContent;
  try {
    content = await agent.readDirectory(cwd);
  } catch (error) {
    return { trusted: false, content: undefined, reason: { message: toBooError(error).message, data: {} } };
  }
  const before = await options.ask(() => findTrust(sql, content));
  if (before?.digest === content.digest) return { trusted: true, content };
  const changes = compare(before?.files ?? [], content.files).filter(({ change }) => change !== 'same');
  if (before && changes.every((file) => isOnlyRules(file, options.keptRules))) {
    await options.ask(() => insertTrust(sql, content));
    return { trusted: true, content };
  }
  const names = changes.slice(0, maxNames).map(({ path, change }) => `${path} (${change})`);
  const more = changes.length > maxNames ? `, and ${changes.length - maxNames} more` : '';
  const since = before ? 'What this directory turns on has changed since it was trusted' : 'Nobody has reviewed this';
  return {
    trusted: false,
    content,
    reason: {
      message: `${since}: ${names.join(', ')}${more}. The chat continues without it until someone trusts the current content.`,
      data: { digest: content.digest, files: changes.slice(0, maxNames).map(({ path, change }) => ({ path, change })) },
    },
  };
}

const maxNames = 20;

/**
 * Trusts the current content; with a digest, only if it matches. Without one, anything that has changed since the last
 * trust still needs a review. Throws `trust_refused`.
 */
export async function trustDirectory(
  sql: Sql,
  agent: Reader,
  { id, cwd }: { id?: string; cwd: string },
  digest?: string,
): Promise<void> {
  const content = await agent.readDirectory?.(cwd);
  if (!content) return;
  if (digest !== undefined && digest !== content.digest) {
    const again = `The directory has changed since it was reviewed. Review it again: boocode trust ${id}`;
    throw new BooError('trust_refused', again, {
      details: { field: 'digest', digest: content.digest },
    });
  }
  const before = digest === undefined ? await ask(() => findTrust(sql, content)) : undefined;
  if (before && before.digest !== content.digest) return;
  await write(() => insertTrust(sql, content));
}

/** Whether what a chat's directory turns on may run now: the chat wants it, and it is what was trusted. */
export async function isTrustedNow(
  sql: Sql,
  agents: AgentDirectory,
  { trusted, agent, cwd }: Pick<ChatRow, 'trusted' | 'agent' | 'cwd'>,
): Promise<boolean> {
  return trusted && (await lookAtDirectory(sql, agents.agentFor(agent), cwd, { keptRules: [], ask })).trusted;
}

/** Whether a directory turns on what was trusted, or nobody has reviewed it yet. */
export async function isTrustedOrUnreviewed(sql: Sql, agent: Reader, cwd: string): Promise<boolean> {
  const content = await agent.readDirectory?.(cwd);
  const before = content && (await ask(() => findTrust(sql, content)));
  return !before || before.digest === content.digest;
}

/**
 * Trusts a directory that was made from another one, unless it turns on something that was not trusted there. False if it still
 * needs a review.
 */
export async function trustLike(sql: Sql, agent: Reader, cwd: string, other: string): Promise<boolean> {
  if (!agent.readDirectory) return true;
  const [content, original] = await Promise.all([agent.readDirectory(cwd), agent.readDirectory(other)]);
  const before = await ask(() => findTrust(sql, original));
  const known = new Map((before?.files ?? []).map(({ path, sha256 }) => [path, sha256]));
  if (before && content.files.some(({ path, sha256 }) => known.get(path) !== sha256)) return false;
  await write(() => insertTrust(sql, content));
  return true;
}

/** What a chat's directory turns on, and what has changed since it was trusted. */
export async function describeTrust(sql: Sql, agent: Reader, chat: ChatRow): Promise<ChatTrust> {
  const none = { path: chat.cwd, digest: '', files: [] };
  const content = (await agent.readDirectory?.(chat.cwd)) ?? none;
  const before = await ask(() => findTrust(sql, content));
  return {
    chatId: chat.id,
    trusted: chat.trusted,
    holds: before?.digest === content.digest,
    path: content.path,
    digest: content.digest,
    trustedAt: before?.trustedAt.toISOString() ?? null,
    files: compare(before?.files ?? [], content.files),
  };
}

function compare(before: readonly TrustedFile[], now: readonly DirectoryFile[]): TrustFile[] {
  const trusted = new Map(before.map((file) => [file.path, file]));
  const present = new Set(now.map(({ path }) => path));
  const files = now.map(({ path, sha256, text }): TrustFile => {
    const old = trusted.get(path);
    if (!old) return { path, change: 'added', before: null, after: text };
    const change = old.sha256 === sha256 ? 'same' : 'changed';
    return { path, change, before: change === 'same' ? null : old.text, after: text };
  });
  const removed = before
    .filter(({ path }) => !present.has(path))
    .map(({ path, text }): TrustFile => ({ path, change: 'removed', before: text, after: null }));
  return [...files, ...removed];
}

/** True if the only change is more rules in the file where the agent stores rules that a person told it to remember. */
export function isOnlyRules({ path, before, after }: TrustFile, kept: readonly unknown[]): boolean {
  if (path !== '.claude/settings.local.json' || after === null) return false;
  const [old, now] = [withoutRules(before ?? '{}'), withoutRules(after)];
  if (old === null || now === null || old.rest !== now.rest) return false;
  return (
    old.rules.every((rule) => now.rules.includes(rule)) &&
    now.rules.every((rule) => [...old.rules, ...kept].includes(rule))
  );
}

function withoutRules(text: string): { rest: string; rules: unknown[] } | null {
  try {
    const { permissions = {}, ...settings } = JSON.parse(text) as { permissions?: { allow?: unknown[] } };
    const { allow = [], ...others } = permissions;
    if (!Array.isArray(allow)) return null;
    return { rest: JSON.stringify([settings, others]), rules: allow };
  } catch {
    return null;
  }
}
