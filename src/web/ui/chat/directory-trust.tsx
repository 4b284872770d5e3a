import { useState } from 'react';
import { exactLine } from '../../../protocol/exact-text.ts';
import type { ChatTrust, TrustFile } from '../../../protocol/trust.ts';
import { ExactText } from '../decisions/exact-text.tsx';
import { Diff } from '../parts/diff.tsx';
import { Marked } from '../parts/marked.tsx';

const words = { same: '', added: 'new', changed: 'changed', removed: 'removed' };

/** What trusting a directory turns on, file by file, and what has changed since it was trusted. */
export function DirectoryTrust({
  trust: { files, trusted, holds, trustedAt },
  onWithdraw,
}: {
  trust: ChatTrust;
  onWithdraw: () => void;
}) {
  const hasChanged = trusted && !holds;
  return (
    <section className="directory-trust" aria-label="What this directory turns on">
      {hasChanged && (
        <p role="alert" className="caution">
          {trustedAt === null
            ? 'Nobody has reviewed this yet, so none of it is loaded.'
            : 'This has changed since it was trusted. None of it is loaded until someone trusts it as it is now.'}{' '}
          <button type="button" className="plain" onClick={onWithdraw}>
            Stop trusting it
          </button>
        </p>
      )}
      {files.length === 0 && <p className="quiet">There is nothing to load.</p>}
      {files.map((file) => (
        <TrustedFile key={file.path} file={file} isNew={!holds && file.change !== 'same'} />
      ))}
    </section>
  );
}

/** New content must be seen before it is trusted, so it starts expanded. */
function TrustedFile({ file, isNew }: { file: TrustFile; isNew: boolean }) {
  const [isOpen, setOpen] = useState(isNew);
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <bdi>
          <Marked parts={exactLine(file.path, Infinity)} />
        </bdi>{' '}
        {words[file.change] !== '' && <em>{words[file.change]}</em>}
      </summary>
      {(isOpen || isNew) && <FileText file={file} />}
    </details>
  );
}

function FileText({ file: { path, change, before, after } }: { file: TrustFile }) {
  if (change === 'removed') return <Diff oldText={before ?? ''} newText="" isJudged />;
  if (after === null) return <p>This is not text, or it is too long to show here. Look at the file itself.</p>;
  return (
    <>
      {change === 'changed' && before !== null && <Diff oldText={before} newText={after} isJudged />}
      <ExactText text={after} label={path} />
    </>
  );
}
