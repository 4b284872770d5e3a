/** What git may be in the middle of. A commit becomes a part of it. */
export const unfinished = ['merge', 'rebase', 'am', 'cherry-pick', 'revert'] as const;
export type Unfinished = (typeof unfinished)[number];
