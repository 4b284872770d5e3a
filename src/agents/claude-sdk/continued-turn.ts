/**
 * What a process is started with that continues the turn of an earlier one. The program asks the model again by itself, and
 * shows it the calls that were cut off, with the words that their outcome is unknown. Without the second variable it drops
 * them, so that a model repeats what has already had its effect.
 */
export const continuesTurn = {
  CLAUDE_CODE_RESUME_INTERRUPTED_TURN: '1',
  CLAUDE_CODE_RESUME_SHOWS_CUT_OFF_CALLS: '1',
} as const;
