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

/** What an agent in a sandbox reaches: everything, named hosts, or its model's provider only. */
export const sandboxNetworks = ['open', 'limited', 'off'] as const;
export type SandboxNetworkMode = (typeof sandboxNetworks)[number];

/** The stricter one: the server's setting is the most that any chat reaches. */
export function networkInForce(ofServer: SandboxNetworkMode, ofChat: SandboxNetworkMode | null): SandboxNetworkMode {
  return ofChat !== null && sandboxNetworks.indexOf(ofChat) > sandboxNetworks.indexOf(ofServer) ? ofChat : ofServer;
}
