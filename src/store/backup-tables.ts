/** What of the database a backup holds. Every table of the schema is in one of the two lists. */

/** In an order in which they can be filled: a table comes after those that it refers to. */
export const backupTables = [
  'people',
  'identities',
  'chats',
  // Ciphertexts: the keys are in files of the hosts.
  'secrets',
  'chat_secrets',
  'budgets',
  'turns',
  'events',
  'prompts',
  'decisions',
  'schedules',
  'agent_sessions',
  'usage_ledger',
  'unfinished_messages',
  'side_files',
  'directory_trusts',
  'worktrees',
  'audit_log',
  'chat_shares',
  'claude_session_entries',
  'claude_session_summaries',
] as const;

/** Tables that no backup holds, and why. */
export const leftOutTables = {
  hosts: 'the servers of this database, which a restored one has never met',
  plan_windows: 'what accounts of those servers have said, and say again',
  access_tokens: 'credentials: what was revoked since must not come back; people get new ones',
  invites: 'credentials, like access tokens',
  passkeys: 'credentials, like access tokens',
  passkey_challenges: 'last for minutes',
  sign_in_codes: 'credentials, like access tokens',
  share_links: 'credentials, like access tokens',
  peer_keys: 'secrets with which those servers recognize each other',
  deleted_chats: 'only tells those servers what was deleted within the last hour',
  search_pages: 'built again from the log',
  search_signatures: 'built again from the log',
  search_progress: 'built again from the log',
  migrations: 'in the header',
  session_store_migrations: 'in the header',
} as const;

/**
 * Columns that no backup holds. A restored row has their defaults: nobody holds the chat, its log is another one than the
 * log that readers of the old database know, and it has been free since now.
 */
export const resetColumns: Readonly<Record<string, readonly string[]>> = {
  chats: ['owner_host', 'lease_until', 'next_host', 'free_since', 'log_id'],
  // What was being made at the time may have been worked in since.
  worktrees: ['state'],
};
