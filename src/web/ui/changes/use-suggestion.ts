import { useEffect, useRef, useState } from 'react';
import type { ChangeList } from '../../../client/client.ts';
import { toBooError } from '../../../protocol/error.ts';
import { commitMessageIn, commitQuestion } from '../../text/commit-question.ts';
import { useSession } from '../parts/session-context.ts';

/** The diffs of more are left out anyway. */
const maxDiffs = 20;

/** A commit message from the agent, asked for beside the conversation. What a person has written stays. */
export function useSuggestion({
  chatId,
  list,
  isAll,
  message,
  onMessage,
}: {
  chatId: string;
  list: ChangeList;
  isAll: boolean;
  message: string;
  onMessage: (message: string) => void;
}): { isBusy: boolean; problem: string | undefined; ask: () => void } {
  const session = useSession();
  const { api } = session;
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const written = useRef(message);
  written.current = message;
  const suggested = useRef<string>(undefined);
  const asking = useRef<AbortController>(undefined);
  useEffect(() => () => asking.current?.abort(), []);

  async function question(signal: AbortSignal): Promise<string> {
    const shared = { since: list.since, tree: list.tree };
    if (isAll) {
      const { diff, isTruncated } = await api.changesDiff(chatId, shared, { signal });
      if (diff === '' && !isTruncated) throw new Error('There are no changes to ask about.');
      return commitQuestion({ files: list.files, diff, isCut: isTruncated });
    }
    const files = list.files.filter(({ staged }) => staged === 'all' || staged === 'part');
    const diffs: string[] = [];
    let isCut = files.length > maxDiffs;
    for (const { path, pathBytes } of files.slice(0, maxDiffs)) {
      const named = pathBytes === undefined ? { path } : { pathBytes };
      const { diff, isTruncated } = await api.changesDiff(chatId, { ...shared, ...named }, { signal });
      diffs.push(diff);
      isCut ||= isTruncated;
    }
    const diff = diffs.join('');
    // Each is that of the working tree.
    if (diff === '' && !isCut)
      throw new Error('The working tree has nothing of what is staged, so there is no diff to ask about.');
    const { onlyStaged = [] } = list;
    return commitQuestion({ files, onlyStaged, isStaged: true, diff, isCut });
  }

  async function ask(): Promise<void> {
    if (isBusy) return;
    const { signal } = (asking.current = new AbortController());
    setBusy(true);
    setProblem(undefined);
    try {
      const { answer } = await api.aside(chatId, await question(signal), { signal });
      if (signal.aborted) return;
      const found = commitMessageIn(answer);
      const before = written.current;
      const isSpare = before.trim() === '' || before === suggested.current;
      suggested.current = isSpare ? found : `${before.trimEnd()}\n\n${found}`;
      onMessage(suggested.current);
    } catch (error) {
      if (signal.aborted) return;
      const { code, message: why } = toBooError(error);
      if (code === 'unauthorized') session.refuse();
      setProblem(why);
    } finally {
      setBusy(false);
    }
  }
  return { isBusy, problem, ask: () => void ask() };
}
