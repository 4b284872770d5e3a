import { BooError } from '../protocol/error.ts';
import { isStricter, type SandboxMode } from '../protocol/sandbox.ts';

/** A chat may ask for more than the server's own setting, and not for less. Throws `invalid_request`. */
export function assertSandbox(ofServer: SandboxMode, { sandbox }: { sandbox?: SandboxMode | null | undefined }): void {
  if (!sandbox || !isStricter(ofServer, sandbox)) return;
  throw new BooError('invalid_request', `sandbox: must not be less than ${ofServer}, which this server requires.`);
}
