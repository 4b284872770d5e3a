/** What can be wrong with the database: a sentence for people that says what it is, and one that says what to do. */
const troubles = {
  unreachable: ['The database cannot be reached.', 'Try again shortly; if this lasts, check that Postgres is running.'],
  slow: [
    'The database did not answer in time.',
    'Try again shortly; if this lasts, check its load and the network in between.',
  ],
  no_connections: [
    'The database has no connection left for this server.',
    'Close others, or raise max_connections, the role’s limit or the pooler’s.',
  ],
  read_only: [
    'The database accepts no writes: it is read-only.',
    'End its read-only mode, or name its primary in DATABASE_URL.',
  ],
  full: ['The database accepts no writes: its disk is full.', 'Free some space there.'],
  refuses: ['The database refuses its service.', 'See its own log for the reason.'],
} as const;

export type StorageTrouble = keyof typeof troubles;

/** What is wrong, without advice: for trouble that is over. */
export function troubleText(trouble: StorageTrouble): string {
  return troubles[trouble][0];
}

/** What is wrong, and what to do. */
export function troubleAdvice(trouble: StorageTrouble): string {
  return troubles[trouble].join(' ');
}

export function isStorageTrouble(value: unknown): value is StorageTrouble {
  return typeof value === 'string' && Object.hasOwn(troubles, value);
}
