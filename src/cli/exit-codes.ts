/** What a command's exit code says about the turn it was about. */
export const exitCodes = {
  completed: 0,
  failed: 1,
  /** The prompt was taken back before a turn began with it. */
  cancelled: 1,
  /** A decision waits, and nobody here can answer it. */
  undecided: 3,
  /** The prompt waits behind a failure that is not its own, and nobody has promised to go on. */
  held: 75,
  interrupted: 130,
};

export const exitCodesHelp = `
Exit codes:
  0    the turn completed
  1    the turn failed, its prompt was taken back, or the command itself failed
  3    the turn waits for a decision that nobody can answer here
  75   the prompt is held: see boocode resume
  130  the turn was interrupted, or Ctrl-C left it
`;
