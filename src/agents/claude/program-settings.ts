/**
 * Settings that we hand to the program at its start, on both engines: above the user's and the directory's own files, and
 * below those of an administrator.
 */
import type { Settings } from '@anthropic-ai/claude-agent-sdk';
import type { AgentSessionSpec } from '../agent-backend.ts';
import { denyRules, type KeptFiles } from './kept-files.ts';

export function programSettings(_spec: AgentSessionSpec, kept: KeptFiles | null): Settings {
  return {
    // Another chat's agent may not begin a turn here.
    crossSessionInbound: 'refuse',
    ...(kept === null ? {} : { permissions: { deny: denyRules(kept) } }),
  };
}
