import { describeAgentBackend } from '../../../test/contract/agent-backend.ts';
import { openPtyHarness } from '../../../test/support/pty-harness.ts';

describeAgentBackend('claude_pty', openPtyHarness);
