import { z } from 'zod';

/** With whom: a Claude subscription, or an account of the API's console. */
export const signInAccounts = ['claude_ai', 'console'] as const;
export type SignInAccount = (typeof signInAccounts)[number];

export const beginAgentSignIn = z
  .strictObject({ account: z.enum(signInAccounts).default('claude_ai') })
  .meta({ id: 'BeginAgentSignIn' });

export const signInPage = z
  .object({
    /** Where a person signs in, and is shown a code. */
    url: z.string(),
    /** Until when the code is waited for. */
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'SignInPage' });
export type SignInPage = z.infer<typeof signInPage>;

export const finishAgentSignIn = z
  .strictObject({
    /** As the page shows it. */
    code: z
      .string()
      .trim()
      .regex(/^[\x21-\x7e]{1,2000}$/, 'must be the code that the page shows, on one line'),
  })
  .meta({ id: 'FinishAgentSignIn' });

/** Signs the agent's program in, for all chats of the host. One sign-in at a time: a new one ends the one before. */
export interface AgentSignIn {
  /** Throws `agent_failed`. */
  begin(account: SignInAccount): Promise<SignInPage>;
  /** Takes the code that the page showed. Throws `invalid_request`, `not_found`, `agent_login_required`. */
  finish(code: string): Promise<void>;
  /** Ends one that waits. */
  cancel(): Promise<void>;
}
