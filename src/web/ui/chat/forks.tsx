import { createContext, lazy, type ReactNode, useContext, useMemo, useState } from 'react';
import type { Chat } from '../../../protocol/chat.ts';
import { forkChat } from '../parts/fork-chat.ts';
import { LateDialog } from '../parts/late-dialog.tsx';
import { useSession } from '../parts/session-context.ts';
import { InRepositoryContext } from './cwd-context.ts';

const ForkDialog = lazy(() => import('../worktrees/fork-dialog.tsx'));

interface Forking {
  chat: Chat;
  at: number;
}

const OpenFork = createContext<(forking: Forking) => void>(() => {});

/** Shows the dialog for what its children want to fork: they may scroll out of the document meanwhile. */
export function Forks({ children }: { children: ReactNode }) {
  const [forking, open] = useState<Forking>();
  const value = useMemo(() => (next: Forking) => open(next), []);
  return (
    <OpenFork value={value}>
      {children}
      {forking && (
        <LateDialog onClose={() => open(undefined)}>
          <ForkDialog {...forking} onClose={() => open(undefined)} />
        </LateDialog>
      )}
    </OpenFork>
  );
}

export function ForkHere({ chatId, seq }: { chatId: string; seq: number }) {
  const session = useSession();
  const isInRepository = useContext(InRepositoryContext);
  const open = useContext(OpenFork);
  const [isForking, setForking] = useState(false);
  return (
    <>
      <button
        type="button"
        className="plain fork-here"
        disabled={isForking}
        onClick={() => {
          setForking(true);
          void forkChat(session, chatId, seq).finally(() => setForking(false));
        }}
      >
        Fork from here
      </button>
      {isInRepository && (
        <button
          type="button"
          className="plain fork-here"
          onClick={() => {
            const chat = session.chats.store.get().byId.get(chatId);
            if (chat) open({ chat, at: seq });
          }}
        >
          Fork with its own branch
        </button>
      )}
    </>
  );
}
