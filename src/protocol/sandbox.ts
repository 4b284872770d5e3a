/** Whether a chat's agent runs in a sandbox, from the least strict to the strictest. */
export const sandboxModes = ['off', 'preferred', 'required'] as const;
export type SandboxMode = (typeof sandboxModes)[number];

export function isStricter(one: SandboxMode, other: SandboxMode): boolean {
  return sandboxModes.indexOf(one) > sandboxModes.indexOf(other);
}

/** What applies to a chat: the server's setting is the least that any chat has. */
export function sandboxInForce(ofServer: SandboxMode, ofChat: SandboxMode | null): SandboxMode {
  return ofChat !== null && isStricter(ofChat, ofServer) ? ofChat : ofServer;
}
