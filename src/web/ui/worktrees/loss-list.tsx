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
