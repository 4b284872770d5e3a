/** Names of worktrees: part of a branch's name, and of a directory's. Also for clients without the schemas. */
export const worktreeNamePattern = /^[\p{L}\p{N}_][\p{L}\p{N}_./-]*$/u;
export const maxWorktreeName = 100;
/** Of the branch of a chat's own worktree. */
export const branchPrefix = 'boocode/';

/** What is wrong with it, as far as that can be told without asking git; undefined if nothing is. */
export function worktreeNameProblem(name: string): string | undefined {
  if (name.length > maxWorktreeName) return `At most ${maxWorktreeName} characters.`;
  if (!worktreeNamePattern.test(name))
    return 'Only letters, digits and . _ - / are possible, the first two at its start.';
  // What git refuses in the name of any branch.
  if (/\.\.|\/\/|\/\.|\.lock(\/|$)|[./]$/.test(name))
    return 'No part may be empty, begin or end with a dot, or end with “.lock”, and there must be no “..”.';
  return undefined;
}
