/** The backends that the product ships. */
export const backendNames = ['claude_pty', 'claude_sdk'] as const;
