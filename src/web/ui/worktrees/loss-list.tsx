import type { ShownLosses } from '../../../client/attempts.ts';
import type { WorktreeLoss } from '../../../protocol/worktree.ts';
import { readable } from '../../text/readable.ts';

/** All that would be lost with a worktree and its branch; that nothing would be, or that it is not known, is said. */
export function LossList({ losses }: { losses: readonly WorktreeLoss[] | null }) {
  if (losses === null) return <p className="quiet">What would be lost is unknown.</p>;
  if (losses.length === 0) return <p className="quiet">Nothing would be lost but files that git ignores.</p>;
  return (
    <>
      <ul className="losses">
        {losses.map(({ reason, sentence }) => (
          <li key={`${reason} ${sentence}`}>{readable(sentence)}</li>
        ))}
      </ul>
      <p className="quiet">Files that git ignores go, too.</p>
    </>
  );
}

/** Where something would be lost that cannot be named exactly: what removes it all the same. */
export function OnlyByCommand({ chatId, known }: { chatId: string; known: ShownLosses | undefined }) {
  if (!known?.losses?.length || known.shown !== null) return null;
  return (
    <p className="quiet">
      Only <code>boocode worktree rm {chatId.slice(0, 8)} --discard</code> removes it all the same.
    </p>
  );
}
