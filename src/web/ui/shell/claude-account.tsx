import { type FormEvent, useState } from 'react';
import type { SignInAccount, SignInPage } from '../../../protocol/agent-sign-in.ts';
import { toBooError } from '../../../protocol/error.ts';
import { Problem } from '../parts/problem.tsx';
import { useSession } from '../parts/session-context.ts';

type Step = { is: 'idle' } | { is: 'busy' } | { is: 'begun'; page: SignInPage } | { is: 'done' };

/** Signs the server's agents in: a page at Claude shows a code, which is pasted here. */
export function ClaudeAccount() {
  const { api } = useSession();
  const [step, setStep] = useState<Step>({ is: 'idle' });
  const [problem, setProblem] = useState<string>();
  const [code, setCode] = useState('');

  const run = async (work: () => Promise<Step>): Promise<void> => {
    setProblem(undefined);
    setStep({ is: 'busy' });
    try {
      setStep(await work());
    } catch (error) {
      const refused = toBooError(error);
      setProblem(refused.message);
      // A mistyped code can be corrected; anything else has ended the sign-in.
      setStep(refused.code === 'invalid_request' ? step : { is: 'idle' });
    }
  };
  const start = (account: SignInAccount): void => {
    setCode('');
    void run(async () => ({ is: 'begun', page: await api.beginAgentSignIn(account) }));
  };
  const finish = (event: FormEvent): void => {
    event.preventDefault();
    void run(async () => {
      await api.finishAgentSignIn(code.trim());
      return { is: 'done' };
    });
  };
  const cancel = (): void =>
    void run(async () => {
      await api.cancelAgentSignIn();
      return { is: 'idle' };
    });

  return (
    <section aria-labelledby="claude-account">
      <h3 id="claude-account">Claude account</h3>
      <Problem text={problem} />
      {step.is === 'begun' ? (
        <form onSubmit={finish}>
          <p>
            <a href={step.page.url} target="_blank" rel="noopener noreferrer">
              Open Claude’s sign-in page
            </a>
            , sign in, and paste the code that it shows.
          </p>
          <label htmlFor="claude-code">Code</label>
          <input
            id="claude-code"
            autoComplete="off"
            spellCheck={false}
            value={code}
            onChange={(event) => setCode(event.target.value)}
            required
          />
          <div className="actions">
            <button type="button" onClick={cancel}>
              Cancel
            </button>
            <button className="primary" disabled={code.trim() === ''}>
              Sign in
            </button>
          </div>
        </form>
      ) : (
        <>
          <p className="quiet" role="status">
            {step.is === 'done'
              ? 'Claude is signed in on the server.'
              : 'Signs in this server’s agents, for everyone who uses it.'}
          </p>
          <div className="actions">
            <button type="button" disabled={step.is === 'busy'} onClick={() => start('console')}>
              With an API console account
            </button>
            <button type="button" disabled={step.is === 'busy'} onClick={() => start('claude_ai')}>
              With a Claude subscription
            </button>
          </div>
        </>
      )}
    </section>
  );
}
