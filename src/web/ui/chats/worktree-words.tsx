import type { RemovedWorktree } from '../../../protocol/worktree.ts';
import { readable, readableLine } from '../../text/readable.ts';
import { Problem } from '../parts/problem.tsx';

/** What was removed, and what stays. */
export function removalText({ branch, commit, isBranchKept }: RemovedWorktree): string {
  const name = readableLine(branch, 100);
  if (isBranchKept) return `The worktree was removed. The branch ${name} has changed at this moment, and stays.`;
  const was = commit === null ? '' : ` The branch was at ${readableLine(commit.slice(0, 10), 10)}.`;
  return `The worktree and the branch ${name} were removed.${was}`;
}

/** Why something was refused; where something would be lost, all of that. */
export function Losses({ problem, losses }: { problem: string | undefined; losses: unknown }) {
  const sentences = Array.isArray(losses) ? losses.map(sentenceOf) : [];
  // What cannot be told apart is told by the message.
  if (problem === undefined || sentences.length === 0 || sentences.includes('')) return <Problem text={problem} />;
  return (
    <div className="problem" role="alert">
      <ul>
        {sentences.map((sentence) => (
          <li key={sentence}>{readable(sentence)}</li>
        ))}
      </ul>
    </div>
  );
}

function sentenceOf(loss: unknown): string {
  if (typeof loss === 'string') return loss;
  const { sentence } = Object(loss) as { sentence?: unknown };
  return typeof sentence === 'string' ? sentence : '';
}
