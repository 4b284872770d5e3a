import { useId } from 'react';
import type { AnswerDecision } from '../../../protocol/decision.ts';
import type { Form } from '../../../protocol/form.ts';
import { pageLink } from '../../../protocol/page-link.ts';
import { exactLine } from '../../../protocol/exact-text.ts';
import { readableLine } from '../../text/readable.ts';
import { Marked } from '../parts/marked.tsx';
import { ExactText } from './exact-text.tsx';
import { FormFields } from './form-fields.tsx';
import { AllowButton, AnswerButton, UnseenNote } from './seen-gate.tsx';

export interface ServerFormProps {
  form: Form;
  isBusy: boolean;
  onAnswer: (answer: AnswerDecision) => void;
}

/** What an MCP server asks for. All its text is set apart, so that none of it passes for ours. */
export function ServerForm({ form, isBusy, onAnswer }: ServerFormProps) {
  const server = (
    <bdi>
      “<Marked parts={exactLine(form.serverName, 100)} />”
    </bdi>
  );
  const formId = useId();
  const decline = (
    <AnswerButton disabled={isBusy} onClick={() => onAnswer({ outcome: 'deny' })}>
      Decline
    </AnswerButton>
  );
  return (
    <>
      <div className="decision-body server-form">
        <p className="quiet">
          The MCP server {server} is asking, not BooCode and not the agent. What you{' '}
          {form.mode === 'url' ? 'do on its page' : 'type here'} goes to {server}.
        </p>
        <ExactText text={form.message} label="What it says" isProse />
        {form.mode === 'url' ? (
          <ServerPage url={form.url} />
        ) : form.fields ? (
          <FormFields id={formId} fields={form.fields} onSend={(input) => onAnswer({ outcome: 'allow', input })} />
        ) : (
          <p className="caution">It asks for something a form cannot hold, so you can only decline it.</p>
        )}
      </div>
      <div className="decision-foot">
        {(form.mode === 'url' || form.fields) && <UnseenNote />}
        <div className="actions">
          {form.mode === 'url' ? (
            <AllowButton className="primary" disabled={isBusy} onClick={() => onAnswer({ outcome: 'allow' })}>
              Accept
            </AllowButton>
          ) : (
            form.fields && (
              <AllowButton type="submit" form={formId} className="primary" disabled={isBusy}>
                Send to {readableLine(form.serverName, 40)}
              </AllowButton>
            )
          )}
          {decline}
        </div>
      </div>
    </>
  );
}

/** Never opened automatically. Shows the full address, and names the host it really leads to. */
function ServerPage({ url }: { url: string }) {
  const link = pageLink(url);
  return (
    <>
      <ExactText text={url} label="The full address" />
      {link ? (
        <p>
          <a href={link.href} target="_blank" rel="noopener noreferrer nofollow">
            Open <strong dir="ltr">{link.host}</strong> in a new tab
          </a>
          {!link.isEncrypted && <span className="caution"> The connection is not encrypted.</span>}
        </p>
      ) : (
        <p className="caution">
          This is not a plain web address (http or https, without a user name), so it is not made a link.
        </p>
      )}
      <p className="quiet">“Accept” tells the server that you will go there. It opens nothing.</p>
    </>
  );
}
