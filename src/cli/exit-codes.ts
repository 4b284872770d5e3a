/** What a command's exit code says about its turn. */
export const exitCodes = {
  completed: 0,
  failed: 1,
  /** The prompt was cancelled before its turn started. */
  cancelled: 1,
  /** A decision is pending, and nobody here can answer it. */
  undecided: 3,
  /** The prompt is held by a failure that is not its own, and nothing will resume it. */
  held: 75,
  interrupted: 130,
};

export const exitCodesHelp = `
Exit codes:
  0    the turn completed
  1    the turn failed, its prompt was cancelled, or the command itself failed
  3    the turn waits for a decision that nobody can answer here
  75   the prompt is held: see boocode resume
  130  the turn was interrupted, or Ctrl-C left it
`;
