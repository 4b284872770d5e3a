import { z } from 'zod';

/** The account type: a Claude subscription, or an account of the API console. */
export const signInAccounts = ['claude_ai', 'console'] as const;
export type SignInAccount = (typeof signInAccounts)[number];

export const beginAgentSignIn = z
  .strictObject({ account: z.enum(signInAccounts).default('claude_ai') })
  .meta({ id: 'BeginAgentSignIn' });

export const signInPage = z
  .object({
    /** Where a person signs in and gets a code. */
    url: z.string(),
    /** When the sign-in expires. */
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'SignInPage' });
export type SignInPage = z.infer<typeof signInPage>;

export const finishAgentSignIn = z
  .strictObject({
    /** As shown by the page. */
    code: z
      .string()
      .trim()
      .regex(/^[\x21-\x7e]{1,2000}$/, 'must be the code shown by the page, on one line'),
  })
  .meta({ id: 'FinishAgentSignIn' });

/** Signs the agent's program in, for all chats of the host. One sign-in at a time: a new one ends the previous one. */
export interface AgentSignIn {
  /** Throws `agent_failed`. */
  begin(account: SignInAccount): Promise<SignInPage>;
  /** Accepts the code from the page. Throws `invalid_request`, `not_found`, `agent_login_required`. */
  finish(code: string): Promise<void>;
  /** Cancels a pending sign-in. */
  cancel(): Promise<void>;
}
