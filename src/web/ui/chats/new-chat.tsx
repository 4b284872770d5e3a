import { type FormEvent, useState } from 'react';
import { flushSync } from 'react-dom';
import type { BackendName, Effort, PermissionMode } from '../../../protocol/chat.ts';
import { sorted } from '../../state/chats.ts';
import { useStore } from '../parts/use-store.ts';
import { Dialog } from '../parts/dialog.tsx';
import { DirectoryField } from './directory-field.tsx';
import { EngineField } from '../parts/engine-field.tsx';
import { EffortField } from '../parts/effort-field.tsx';
import { ModelField } from '../parts/model-field.tsx';
import { chatHref } from '../parts/route.ts';
import { Problem } from '../parts/problem.tsx';
import { useAttempt } from '../parts/use-attempt.ts';
import { useSession } from '../parts/session-context.ts';
import { modeChoices } from '../parts/mode-choices.ts';

export function NewChat({ onClose }: { onClose: () => void }) {
  const session = useSession();
  const info = useStore(session.info);
  // People often start the next chat in the same directory.
  const [cwd, setCwd] = useState(() => sorted(session.chats.store.get().byId.values())[0]?.cwd ?? '');
  const [backend, setBackend] = useState<BackendName>();
  const [model, setModel] = useState('');
  const [effort, setEffort] = useState<Effort | null>(null);
  const [mode, setMode] = useState<PermissionMode>('default');
  const [trusted, setTrusted] = useState(false);
  const { isBusy, problem, attempt } = useAttempt();

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const chat = await attempt(() =>
      session.api.createChat({
        cwd: cwd.trim(),
        permissionMode: mode,
        trusted,
        ...(backend ? { backend } : {}),
        ...(model.trim() === '' ? {} : { model: model.trim() }),
        ...(effort === null ? {} : { effort }),
      }),
    );
    if (!chat) return;
    session.chats.put(chat);
    location.hash = chatHref(chat.id);
    flushSync(onClose);
    // The browser has returned focus to the button that opened the dialog: the next space would press it.
    document.getElementById('main')?.focus();
  };

  return (
    <Dialog title="New chat" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <DirectoryField value={cwd} onChange={setCwd} />
        <fieldset className="choices">
          <legend>Permissions</legend>
          <select
            aria-label="Permission mode"
            value={mode}
            onChange={(event) => setMode(event.target.value as PermissionMode)}
          >
            {modeChoices.map(({ value, label }) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
          <p className="quiet">{modeChoices.find(({ value }) => value === mode)?.hint}</p>
        </fieldset>
        <details>
          <summary>More options</summary>
          {info && <EngineField info={info} value={backend ?? info.defaultBackend} onChange={setBackend} />}
          <ModelField value={model} onChange={setModel} />
          <EffortField value={effort} onChange={setEffort} />
          <label className="check">
            <input type="checkbox" checked={trusted} onChange={(event) => setTrusted(event.target.checked)} />
            Trust this directory: load its own settings, hooks and instructions
          </label>
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
