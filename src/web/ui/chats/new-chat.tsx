import { type FormEvent, useState } from 'react';
import { flushSync } from 'react-dom';
import type { Chat, CreateChat, PermissionMode, SettingName } from '../../../protocol/chat.ts';
import { sorted } from '../../state/chats.ts';
import { Dialog } from '../parts/dialog.tsx';
import { DirectoryField } from './directory-field.tsx';
import { chatHref } from '../parts/route.ts';
import { Problem } from '../parts/problem.tsx';
import { InterruptedField, SettingFields, SettingToggle } from '../parts/setting-fields.tsx';
import { useAttempt } from '../parts/use-attempt.ts';
import { useSession } from '../parts/session-context.ts';
import { useSettingsDraft } from '../parts/use-settings-draft.ts';
import { modeChoices } from '../parts/mode-choices.ts';

/** Written out, because the schemas are not part of the bundle. */
const initial: Partial<Pick<Chat, SettingName>> & Pick<Chat, 'permissionMode'> = {
  model: null,
  effort: null,
  permissionMode: 'default',
  trusted: false,
  onInterrupted: 'stop',
  host: null,
  idleSeconds: null,
};

export function NewChat({ onClose }: { onClose: () => void }) {
  const session = useSession();
  // People often start the next chat in the same directory.
  const [last] = useState(() => sorted(session.chats.store.get().byId.values())[0] ?? null);
  // Not in the worktree that the last one has to itself.
  const lastDirectory = last?.worktree?.repository ?? last?.cwd ?? '';
  const [isIsolated, setIsolated] = useState(false);
  const draft = useSettingsDraft(initial);
  const { permissionMode, cwd = lastDirectory } = draft.values;
  const { isBusy, problem, attempt } = useAttempt();

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const chat = await attempt(() =>
      // A nullable setting that changed is not null: null is what it started with.
      session.api.createChat({
        ...(draft.changes as Partial<CreateChat>),
        cwd: cwd.trim(),
        ...(isIsolated && { isolation: 'worktree' }),
      }),
    );
    if (!chat) return;
    session.chats.put(chat);
    session.warmAhead(chat.id);
    location.hash = chatHref(chat.id);
    flushSync(onClose);
    // The browser has returned focus to the button that opened the dialog: the next space would press it.
    document.getElementById('main')?.focus();
  };

  return (
    <Dialog title="New chat" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <DirectoryField value={cwd} onChange={(path) => draft.set({ cwd: path })} />
        <label className="check">
          <input type="checkbox" checked={isIsolated} onChange={(event) => setIsolated(event.target.checked)} />
          Own branch (worktree): changes stay apart from the directory until you merge them
        </label>
        <fieldset className="choices">
          <legend>Permissions</legend>
          <select
            aria-label="Permission mode"
            value={permissionMode}
            onChange={(event) => draft.set({ permissionMode: event.target.value as PermissionMode })}
          >
            {modeChoices.map(({ value, label }) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
          <p className="quiet">{modeChoices.find(({ value }) => value === permissionMode)?.hint}</p>
        </fieldset>
        <details>
          <summary>More options</summary>
          <SettingFields draft={draft} />
          <SettingToggle
            name="trusted"
            label="Trust this directory: load its own settings, hooks and instructions"
            draft={draft}
          />
          <InterruptedField draft={draft} />
        </details>
        <Problem text={problem} />
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button className="primary" disabled={isBusy || cwd.trim() === ''}>
            {isBusy ? 'Starting …' : 'Start'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
