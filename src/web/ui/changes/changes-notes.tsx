import type { ChangeList } from '../../../client/client.ts';
import { countOf } from '../../../protocol/count-text.ts';
import type { BooError } from '../../../protocol/error.ts';
import { reasonText, visibleName } from '../../text/changes-words.ts';
import { readable } from '../../text/readable.ts';

/** Why the changes cannot be told, in words. */
export function ChangesProblem({
  problem,
  hasList,
  onRetry,
}: {
  problem: BooError;
  hasList: boolean;
  onRetry: () => void;
}) {
  const reason = reasonText(problem.details['reason']);
  return (
    <div className="changes-problem" role="alert">
      <p>{reason ?? (hasList ? 'The changes could not be read again.' : 'The changes could not be read.')}</p>
      <p className="quiet">{readable(problem.message)}</p>
      <button onClick={onRetry}>Try again</button>
    </div>
  );
}

/** The question itself is in the conversation. Shown only where that is hidden. */
export function WaitsForPerson({ onShow }: { onShow: () => void }) {
  return (
    <p className="changes-waits notice notice-warning">
      <span role="status">The agent waits for you.</span> <button onClick={onShow}>Show the conversation</button>
    </p>
  );
}

const mostShown = 100;

/** What the list does not have. */
export function LeftOut({ list, ignored }: { list: ChangeList; ignored: ChangeList['ignored'] }) {
  const { leftOut } = list;
  return (
    <>
      {list.isTruncated && (
        <p className="changes-notes">
          {countOf(list.files.length, 'file')} of {list.count.toLocaleString('en-US')} are listed, and their lines are
          not counted.
        </p>
      )}
      {ignored?.isTruncated && (
        <p className="changes-notes">{countOf(ignored.files.length, 'ignored file')} are listed. There are more.</p>
      )}
      {ignored?.files.length === 0 && <p className="changes-notes">Nothing is ignored here.</p>}
      {leftOut.length > 0 && (
        <details className="changes-notes">
          <summary>{countOf(leftOut.length, 'file')} not compared</summary>
          <ul>
            {leftOut.slice(0, mostShown).map(({ path, pathBytes, bytes, reason }) => (
              <li key={pathBytes ?? path}>
                <bdi className="code">{visibleName(path)}</bdi>{' '}
                {reason === 'too_large' ? `is too large (${Math.ceil(bytes / 1_000_000)} MB)` : 'could not be read'}
              </li>
            ))}
            {leftOut.length > mostShown && <li>and {countOf(leftOut.length - mostShown, 'other file')}</li>}
          </ul>
        </details>
      )}
    </>
  );
}
