import type { ChatTrust, TrustFile } from '../../../protocol/trust.ts';
import { readableLine } from '../../text/hidden.ts';
import { ExactText } from '../decisions/exact-text.tsx';
import { Diff } from '../parts/diff.tsx';

const words = { same: '', added: 'new', changed: 'changed', removed: 'removed' };

/** What a directory turns on when it is trusted, file by file, and what has changed since it was. */
export function DirectoryTrust({ trust: { files, trusted, holds, trustedAt } }: { trust: ChatTrust }) {
  const hasChanged = trusted && !holds;
  return (
    <section className="directory-trust" aria-label="What this directory turns on">
      {hasChanged && (
        <p role="alert">
          {trustedAt === null
            ? 'Nobody has looked at this yet, and nothing of it is loaded.'
            : 'This has changed since it was trusted. Nothing of it is loaded until somebody trusts it as it is now.'}
        </p>
      )}
      {files.length === 0 && <p className="quiet">It turns nothing on.</p>}
      {files.map((file) => (
        <details key={file.path} open={hasChanged && file.change !== 'same' && trustedAt !== null}>
          <summary>
            <bdi>{readableLine(file.path, 500)}</bdi> {words[file.change] !== '' && <em>{words[file.change]}</em>}
          </summary>
          <FileText file={file} />
        </details>
      ))}
    </section>
  );
}

function FileText({ file: { path, change, before, after } }: { file: TrustFile }) {
  if (change === 'removed') return <Diff oldText={before ?? ''} newText="" />;
  if (after === null) return <p>It is no text, or too long to be shown here: look at the file itself.</p>;
  return change === 'changed' && before !== null ? (
    <Diff oldText={before} newText={after} />
  ) : (
    <ExactText text={after} label={path} />
  );
}
