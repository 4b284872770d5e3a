/** Contexts below this are not worth a line: every agent begins with about as much. */
export const largeContextTokens = 20_000;
