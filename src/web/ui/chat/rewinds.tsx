import { createContext, lazy, type ReactNode, useContext, useMemo, useState } from 'react';
import type { EventOf } from '../../../protocol/event.ts';
import { rewindStartText, rewoundFilesText } from '../../../protocol/rewind-text.ts';
import type { ChatLog } from '../../state/chat-log.ts';
import { LateDialog } from '../parts/late-dialog.tsx';
import type { RewindTo } from './rewind-dialog.tsx';

const RewindDialog = lazy(() => import('./rewind-dialog.tsx'));

const OpenRewind = createContext<(to: RewindTo) => void>(() => {});

/** Shows the dialog for what its children want to rewind: they may scroll out of the document meanwhile. */
export function Rewinds({ chatId, isBusy, children }: { chatId: string; isBusy: boolean; children: ReactNode }) {
  const [to, open] = useState<RewindTo>();
  const value = useMemo(() => (next: RewindTo) => open(next), []);
  return (
    <OpenRewind value={value}>
      {children}
      {to && (
        <LateDialog onClose={() => open(undefined)}>
          <RewindDialog chatId={chatId} to={to} isBusy={isBusy} onClose={() => open(undefined)} />
        </LateDialog>
      )}
    </OpenRewind>
  );
}

export function RewindHere({ promptId }: { promptId: string }) {
  const open = useContext(OpenRewind);
  return (
    <button type="button" className="plain rewind-here" onClick={() => open({ before: promptId })}>
      Rewind to before this
    </button>
  );
}

export function RewindLine({ started, log }: { started: EventOf<'files_rewind_started'>; log: ChatLog }) {
  const open = useContext(OpenRewind);
  const { rewindId, seq } = started;
  const ended = log.rewinds.get(rewindId);
  const isCutShort = !ended && log.last > seq;
  const text = ended ? rewoundFilesText(ended) : rewindStartText(started);
  return (
    <p className={`notice notice-${isCutShort ? 'warning' : 'info'}`}>
      {text.charAt(0).toUpperCase() + text.slice(1)}
      {isCutShort ? ', but its end is not recorded: do it again, or undo it.' : ended ? '.' : ' …'}{' '}
      <button type="button" className="plain rewind-here" onClick={() => open({ undo: rewindId })}>
        Undo
      </button>
    </p>
  );
}
