/**
 * Settings that we hand to the program at its start, on both engines: above the user's and the directory's own files, and
 * below those of an administrator.
 */
import type { Settings } from '@anthropic-ai/claude-agent-sdk';
import type { AgentSessionSpec } from '../agent-backend.ts';
import { denyRules, type KeptFiles } from './kept-files.ts';

export function programSettings({ acceptsAgentMessages }: AgentSessionSpec, kept: KeptFiles | null): Settings {
  return {
    ...inboundSetting(acceptsAgentMessages),
    ...(kept === null ? {} : { permissions: { deny: denyRules(kept) } }),
  };
}

/** Whether other sessions' agents may begin turns. Always said: left out, the program delivers what comes from its like. */
export function inboundSetting(accepts: boolean): Settings {
  return { crossSessionInbound: accepts ? 'accept' : 'refuse' };
}
