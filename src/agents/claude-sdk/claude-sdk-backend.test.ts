// The real program, the real SDK; only the model is scripted.
import { describeAgentBackend } from '../../../test/contract/agent-backend.ts';
import { openSdkHarness } from '../../../test/support/sdk-harness.ts';

describeAgentBackend('ClaudeSdkBackend', () => openSdkHarness());
