import { type AgentSignIn, beginAgentSignIn, finishAgentSignIn, signInPage } from '../protocol/agent-sign-in.ts';
import { BooError } from '../protocol/error.ts';
import { json, route, type Route } from './route.ts';

const nothing = (): Response => new Response(null, { status: 204 });

/** Requires the token: its owner can run commands here, and so could sign in by hand anyway. */
export function agentSignInRoutes(signIn: AgentSignIn | undefined): Route[] {
  const agent = (): AgentSignIn => {
    if (signIn) return signIn;
    throw new BooError('backend_unavailable', 'The demo uses no account, so there is nothing to sign in to.');
  };
  return [
    route(
      {
        id: 'beginAgentSignIn',
        method: 'POST',
        path: '/v1/agent-sign-in',
        policy: 'bearer',
        role: 'owner',
        errors: ['backend_unavailable'],
        summary: 'Start to sign the agents in to Claude; returns the page to do it on',
        responses: { 201: { description: 'The page. It replaces any sign-in started before.', schema: signInPage } },
      },
      { body: beginAgentSignIn },
      async ({ body }) => json(201, await agent().begin(body.account), { 'cache-control': 'no-store' }),
    ),
    route(
      {
        id: 'finishAgentSignIn',
        method: 'POST',
        path: '/v1/agent-sign-in/code',
        policy: 'bearer',
        role: 'owner',
        errors: ['backend_unavailable', 'not_found'],
        summary: 'Finish the sign-in with the code that the page shows; a code works once',
        responses: { 204: { description: 'The agents are signed in.' } },
      },
      { body: finishAgentSignIn },
      async ({ body }) => {
        await agent().finish(body.code);
        return nothing();
      },
    ),
    route(
      {
        id: 'cancelAgentSignIn',
        method: 'DELETE',
        path: '/v1/agent-sign-in',
        policy: 'bearer',
        role: 'owner',
        errors: ['backend_unavailable'],
        summary: 'Cancel a sign-in',
        responses: { 204: { description: 'None waits.' } },
      },
      {},
      async () => {
        await agent().cancel();
        return nothing();
      },
    ),
  ];
}
