import { useEffect, useMemo, useState } from 'react';
import type { EventOf } from '../../../protocol/event.ts';
import { useSession } from '../parts/session-context.ts';

export type Command = EventOf<'available_commands_update'>['commands'][number];

const pageSize = 100;
const maxOffered = 30;

/**
 * The agent's slash commands that match the prompt; none unless it starts with a slash. In a long chat the newest page
 * may not contain them, so the log's first page is read: it has those of the session's start.
 */
export function useCommands(chatId: string, fromLog: readonly Command[] | undefined, text: string): readonly Command[] {
  const { api } = useSession();
  const typed = /^\/(\S*)$/.exec(text)?.[1];
  const [first, setFirst] = useState<readonly Command[]>();
  const isMissing = typed !== undefined && fromLog === undefined && first === undefined;
  useEffect(() => {
    if (!isMissing) return;
    let isGone = false;
    api.events(chatId, { after: 0, limit: pageSize }).then(
      ({ items }) => {
        const found = items.findLast((event) => event.type === 'available_commands_update');
        if (!isGone) setFirst(found?.commands ?? []);
      },
      // Without them, commands can still be typed in full.
      () => undefined,
    );
    return () => void (isGone = true);
  }, [api, chatId, isMissing]);
  return useMemo(() => (typed === undefined ? [] : matching(fromLog ?? first ?? [], typed)), [typed, fromLog, first]);
}

/** Commands that start with the text, then those with a part that does. */
export function matching(commands: readonly Command[], typed: string): readonly Command[] {
  const wanted = typed.toLowerCase();
  const rank = ({ name }: Command): number => {
    const at = name.toLowerCase();
    // Internal commands of the agent are only listed when asked for.
    if (at.startsWith('_') && !wanted.startsWith('_')) return 2;
    return at.startsWith(wanted) ? 0 : at.split(/[-_:]/).some((part) => part.startsWith(wanted)) ? 1 : 2;
  };
  return commands
    .filter((command) => rank(command) < 2)
    .toSorted((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name))
    .slice(0, maxOffered);
}
