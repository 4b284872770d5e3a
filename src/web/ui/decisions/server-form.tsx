import type { AnswerDecision } from '../../../protocol/decision.ts';
import type { Form } from '../../../protocol/form.ts';
import { pageLink } from '../../../protocol/page-link.ts';
import { exactLine } from '../../../protocol/exact-text.ts';
import { readableLine } from '../../text/hidden.ts';
import { Marked } from '../parts/marked.tsx';
import { ExactText } from './exact-text.tsx';
import { FormFields } from './form-fields.tsx';
import { AllowButton, UnseenNote } from './seen.tsx';

export interface ServerFormProps {
  form: Form;
  isBusy: boolean;
  onAnswer: (answer: AnswerDecision) => void;
}

/** What an MCP server asks for. All its words are set apart, so that none can be taken for ours. */
export function ServerForm({ form, isBusy, onAnswer }: ServerFormProps) {
  const server = (
    <bdi>
      “<Marked parts={exactLine(form.serverName, 100)} />”
    </bdi>
  );
  const decline = (
    <button type="button" disabled={isBusy} onClick={() => onAnswer({ outcome: 'deny' })}>
      Decline
    </button>
  );
  return (
    <div className="server-form">
      <p className="quiet">
        The MCP server {server} asks this, not BooCode and not the agent. What you{' '}
        {form.mode === 'url' ? 'do on its page' : 'type here'} goes to {server}.
      </p>
      <ExactText text={form.message} label="What it says" isProse />
      {form.mode === 'url' ? (
        <ServerPage url={form.url}>
          <UnseenNote />
          <div className="actions">
            <AllowButton className="primary" disabled={isBusy} onClick={() => onAnswer({ outcome: 'allow' })}>
              Accept
            </AllowButton>
            {decline}
          </div>
        </ServerPage>
      ) : form.fields ? (
        <FormFields
          fields={form.fields}
          isBusy={isBusy}
          send={`Send to ${readableLine(form.serverName, 40)}`}
          onSend={(input) => onAnswer({ outcome: 'allow', input })}
        >
          {decline}
        </FormFields>
      ) : (
        <>
          <p className="caution">It asks for something that a form cannot hold, so it can only be declined.</p>
          <div className="actions">{decline}</div>
        </>
      )}
    </div>
  );
}

/** Never opened by itself. The whole address is shown, and the host that it really leads to is named. */
function ServerPage({ url, children }: { url: string; children: React.ReactNode }) {
  const link = pageLink(url);
  return (
    <>
      <ExactText text={url} label="The whole address" />
      {link ? (
        <p>
          <a href={link.href} target="_blank" rel="noopener noreferrer nofollow">
            Open <strong dir="ltr">{link.host}</strong> in a new tab
          </a>
          {!link.isEncrypted && <span className="caution"> Nothing on the way there is encrypted.</span>}
        </p>
      ) : (
        <p className="caution">
          This is no plain address of a web page (http or https, without a user name), and is not made a link.
        </p>
      )}
      <p className="quiet">“Accept” tells the server that you go there. It opens nothing.</p>
      {children}
    </>
  );
}
