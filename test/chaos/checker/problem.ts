/** What a run has shown to be broken, by the kind of promise. */
export const problemKinds = {
  records: 'records that are missing or cannot be read, so that something was not checked',
  log: 'a log that is not numbered 1, 2, 3 …, or cannot be read',
  lost: 'a prompt that was acknowledged and is not in the log',
  doubled: 'a prompt that is in the logs more than once',
  receipt: 'a receipt that names another event',
  altered: 'a prompt that is stored with another text',
  refused: 'a prompt that was refused and is stored all the same',
  invented: 'a prompt that no client sent',
  reordered: 'prompts in another order than they were acknowledged in, or run in another than the queue has',
  turn: 'a turn that does not start once and finish once, with nothing of another one in between',
  rerun: 'a prompt that a second turn took, although nothing says that it waited again',
  cancelled: 'a prompt that was cancelled and run',
  unfinished: 'a prompt without an end that nothing holds back',
  asked: 'a prompt that the model got more often than the log accounts for',
  decision: 'an acknowledged answer that is not in the log, once, as it was given',
  hole: 'an event that a reader was not shown',
  again: 'an event that a reader was shown again',
  'out of order': 'an event that a reader was shown in the wrong place',
  differs: 'an event that a reader was shown with another content than the log has',
  phantom: 'an event that a reader was shown and the log does not have',
  behind: 'a reader that was not shown the end of the log',
  reset: 'a reader that was told that its cursor is of another log',
  stale: 'rows that a stale writer got in',
  left: 'processes that a killed host left behind',
  takeover: 'takeovers that took too long',
} as const;

export type ProblemKind = keyof typeof problemKinds;

export interface Problem {
  kind: ProblemKind;
  /** One sentence that says where. */
  text: string;
}
