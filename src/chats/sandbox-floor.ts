import { BooError } from '../protocol/error.ts';
import { isStricter, networkInForce, type SandboxMode, type SandboxNetworkMode } from '../protocol/sandbox.ts';

/** The server's own settings. */
export interface SandboxFloor {
  mode: SandboxMode;
  network: SandboxNetworkMode;
}

interface Asked {
  sandbox?: SandboxMode | null | undefined;
  sandboxNetwork?: SandboxNetworkMode | null | undefined;
}

/** A chat may ask for more than the server's own settings, and not for less. Throws `invalid_request`. */
export function assertSandbox(ofServer: SandboxFloor, { sandbox, sandboxNetwork }: Asked): void {
  if (sandbox && isStricter(ofServer.mode, sandbox)) {
    const least = `must not be less than ${ofServer.mode}, which this server requires.`;
    throw new BooError('invalid_request', `sandbox: ${least}`);
  }
  if (sandboxNetwork && networkInForce(ofServer.network, sandboxNetwork) !== sandboxNetwork) {
    const most = `must not be more than ${ofServer.network}, which is all that this server allows.`;
    throw new BooError('invalid_request', `sandboxNetwork: ${most}`);
  }
}
