import { type FormEvent, lazy, Suspense, useState } from 'react';
import { flushSync } from 'react-dom';
import type { Chat, CreateChat, PermissionMode, SettingName } from '../../../protocol/chat.ts';
import { toBooError } from '../../../protocol/error.ts';
import { sorted } from '../../state/chats.ts';
import { Dialog } from '../parts/dialog.tsx';
import { DirectoryField } from './directory-field.tsx';
import { brokenText, ErrorBoundary } from '../parts/error-boundary.tsx';
import { chatHref } from '../parts/route.ts';
import { Problem } from '../parts/problem.tsx';
import { InterruptedField, SettingFields, SettingToggle } from '../parts/setting-fields.tsx';
import { useAttempt } from '../parts/use-attempt.ts';
import { useIsShown } from '../parts/use-is-shown.ts';
import { useSession } from '../parts/session-context.ts';
import { useSettingsDraft } from '../parts/use-settings-draft.ts';
import { isolated, noIsolation, refusedField } from '../worktrees/isolation.ts';
import { modeChoices } from '../parts/mode-choices.ts';

const IsolationFields = lazy(() => import('../worktrees/isolation-fields.tsx'));

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
  const [isolation, setIsolation] = useState(noIsolation);
  const draft = useSettingsDraft(initial);
  const { permissionMode, cwd = lastDirectory } = draft.values;
  const asksNothing = permissionMode === 'bypassPermissions' && draft.values.trusted === true;
  const { isBusy, problem, details, attempt } = useAttempt();

  // Making a branch may take minutes, and nobody has to watch.
  const isShown = useIsShown();
  const create = async (input: CreateChat): Promise<string> => {
    if (isIsolated && isolation.count > 1) {
      const { startAttempts } = await import('../worktrees/start-attempts.ts');
      return startAttempts(session, isolation, input);
    }
    const chat = await session.api.createChat({ ...input, ...(isIsolated && isolated(isolation)) });
    // It was written for attempts, until one chat was chosen.
    if (isolation.prompt.trim() !== '') session.drafts.set(chat.id, { text: isolation.prompt, images: [] });
    session.chats.put(chat);
    session.warmAhead(chat.id);
    return chatHref(chat.id);
  };

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    // A nullable setting that changed is not null: null is what it started with.
    const input: CreateChat = { ...(draft.changes as Partial<CreateChat>), cwd: cwd.trim() };
    // The form is sent with its box checked only.
    if (asksNothing) input.confirmBypass = true;
    const href = await attempt(() =>
      create(input).catch((error: unknown) => {
        if (!isShown.current) session.showToast(toBooError(error).message, { level: 'error' });
        throw error;
      }),
    );
    if (href === undefined) return;
    const open = (): void => void (location.hash = href);
    if (!isShown.current) {
      const words = isIsolated && isolation.count > 1 ? 'The attempts have started.' : 'The new chat is ready.';
      session.showToast(words, { action: { label: 'Show', run: open } });
      return;
    }
    open();
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
        {isIsolated && (
          <ErrorBoundary instead={(error) => <Problem text={`${brokenText(error)} Reload the page.`} />}>
            <Suspense fallback={<p role="status">Loading …</p>}>
              <IsolationFields
                directory={cwd}
                value={isolation}
                onChange={setIsolation}
                isBusy={isBusy}
                problem={problem}
                details={details}
              />
            </Suspense>
          </ErrorBoundary>
        )}
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
        {asksNothing && (
          <label className="check">
            <input type="checkbox" required />
            Run what this directory turns on, and never ask
          </label>
        )}
        {/* What is refused of the branch is said there. */}
        <Problem text={isIsolated && refusedField(details) ? undefined : problem} />
        <div className="actions">
          <button type="button" onClick={onClose}>
            {isBusy && isIsolated ? 'Close' : 'Cancel'}
          </button>
          <button className="primary" disabled={isBusy || cwd.trim() === ''}>
            {isBusy ? 'Starting …' : 'Start'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
