import { type FormEvent, useCallback, useEffect, useState } from 'react';
import type { BackendName, Chat, PatchChat, RunningChoice } from '../../../protocol/chat.ts';
import { toBooError } from '../../../protocol/error.ts';
import type { ChatTrust } from '../../../protocol/trust.ts';
import { useStore } from '../parts/use-store.ts';
import { readableLine } from '../../text/readable.ts';
import { AllowButton, SeenGate, UnseenNote, useSeenGate } from '../decisions/seen-gate.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { DirectoryField } from '../chats/directory-field.tsx';
import { EngineField } from '../parts/engine-field.tsx';
import { EffortField } from '../parts/effort-field.tsx';
import { ModelField } from '../parts/model-field.tsx';
import { Problem } from '../parts/problem.tsx';
import { useAttempt } from '../parts/use-attempt.ts';
import { useSession } from '../parts/session-context.ts';
import { DirectoryTrust } from './directory-trust.tsx';
import { McpServers } from './mcp-servers.tsx';

export function ChatSettings({
  chat,
  running,
  isBusy,
  isMissing,
  onClose,
}: {
  chat: Chat;
  /** The model in use. */
  running: string | null | undefined;
  isBusy: boolean;
  /** The chat's directory is gone: ask for another one. */
  isMissing: boolean;
  onClose: () => void;
}) {
  const session = useSession();
  const info = useStore(session.info);
  const [model, setModel] = useState(chat.model ?? '');
  const [effort, setEffort] = useState(chat.effort);
  const [trusted, setTrusted] = useState(chat.trusted);
  const [accepts, setAccepts] = useState(chat.acceptsAgentMessages);
  const [resumes, setResumes] = useState(chat.resumeAtReset);
  const [backend, setBackend] = useState<BackendName>(chat.backend);
  const [cwd, setCwd] = useState(isMissing ? chat.cwd : undefined);
  const [turn, setTurn] = useState<RunningChoice>('finish');
  const changing = useAttempt();
  const { attempt } = changing;
  const [isGiving, setGiving] = useState(false);
  const isWaiting = changing.isBusy || isGiving;
  const [trust, setTrust] = useState<ChatTrust>();
  const [problem, setProblem] = useState<string>();
  const gate = useSeenGate();

  const load = useCallback(async (): Promise<void> => {
    try {
      const found = await session.api.getTrust(chat.id);
      setTrust(found);
      // A changed directory needs its own approval, so saving another setting must not grant it.
      setTrusted(found.trusted && found.holds);
    } catch (error) {
      setProblem(`The content of this directory could not be read: ${toBooError(error).message}`);
    }
  }, [session, chat.id]);
  useEffect(() => void load(), [load]);
  const wasTrusted = chat.trusted && trust?.holds !== false;
  const isMoving = cwd !== undefined && withoutSlash(cwd) !== chat.cwd;
  // The page shows, and would trust, the old directory.
  const isTrusting = trusted && !wasTrusted && !isMoving;

  /** Resolves with false if the server refused; the current content is shown then. */
  const giveTrust = async (): Promise<boolean> => {
    if (!trust) return false;
    setGiving(true);
    setProblem(undefined);
    try {
      await session.api.giveTrust(chat.id, { digest: trust.digest });
      return true;
    } catch (error) {
      setProblem(toBooError(error).message);
      await load();
      return false;
    } finally {
      setGiving(false);
    }
  };

  const change = async (patch: PatchChat, tryIt: typeof attempt = attempt): Promise<void> => {
    const changed = await tryIt(() => session.api.patchChat(chat.id, patch));
    if (!changed) return;
    session.chats.put(changed);
    onClose();
  };

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const wanted = model.trim() === '' ? null : model.trim();
    const patch: PatchChat = {
      ...(wanted === chat.model ? {} : { model: wanted }),
      ...(effort === chat.effort ? {} : { effort }),
      ...(trusted === wasTrusted || trusted || isMoving ? {} : { trusted }),
      ...(accepts === chat.acceptsAgentMessages ? {} : { acceptsAgentMessages: accepts }),
      ...(resumes === chat.resumeAtReset ? {} : { resumeAtReset: resumes }),
      ...(backend === chat.backend ? {} : { backend, running: turn }),
      ...(isMoving ? { cwd: withoutSlash(cwd), running: turn } : {}),
    };
    if (isTrusting && !(await giveTrust())) return;
    if (Object.keys(patch).length === 0) return onClose();
    if (patch.running !== undefined && isBusy && turn === 'finish') {
      // This may take long, so the dialog does not wait for it.
      session.showToast(
        `The ${isMoving ? 'directory' : 'engine'} changes when the running turn ends, as long as this page stays open.`,
      );
      onClose();
      return change(patch, session.attempt.bind(session));
    }
    await change(patch);
  };

  return (
    <Dialog title="This chat" onClose={onClose}>
      <SeenGate value={gate}>
        <form onSubmit={(event) => void submit(event)}>
          <p className="quiet">
            Directory: <bdi>{readableLine(chat.cwd, 1000)}</bdi>{' '}
            {cwd === undefined && (
              <button type="button" className="plain" onClick={() => setCwd(chat.cwd)}>
                Move chat …
              </button>
            )}
          </p>
          {chat.currentDirectory !== chat.cwd && (
            <p className="quiet">
              The agent works in: <bdi>{readableLine(chat.currentDirectory, 1000)}</bdi>
            </p>
          )}
          {cwd !== undefined && <DirectoryField value={cwd} onChange={setCwd} />}
          <McpServers servers={chat.mcpServers} />
          <ModelField value={model} running={running} onChange={setModel} />
          <EffortField value={effort} onChange={setEffort} />
          {info && <EngineField info={info} value={backend} onChange={setBackend} />}
          {(backend !== chat.backend || isMoving) && isBusy && (
            <fieldset className="choices stacked">
              <legend>The running turn</legend>
              <label>
                <input type="radio" name="running" checked={turn === 'finish'} onChange={() => setTurn('finish')} />
                Wait until it ends, then change
              </label>
              <label>
                <input
                  type="radio"
                  name="running"
                  checked={turn === 'interrupt'}
                  onChange={() => setTurn('interrupt')}
                />
                Interrupt it and change now
              </label>
            </fieldset>
          )}
          {isMoving ? (
            <p className="quiet">
              Trust is by directory: once the chat has moved, what the new one turns on is shown here, and not loaded
              until you trust it.
            </p>
          ) : (
            <label className="check">
              <input
                type="checkbox"
                checked={trusted}
                disabled={!trust}
                onChange={(event) => setTrusted(event.target.checked)}
              />
              Trust this directory as it is now: load its own settings, hooks and instructions
            </label>
          )}
          <Problem text={problem} />
          {trust && !isMoving && <DirectoryTrust trust={trust} onWithdraw={() => void change({ trusted: false })} />}
          <label className="check">
            <input type="checkbox" checked={accepts} onChange={(event) => setAccepts(event.target.checked)} />
            Accept messages from other chats’ agents: each starts a turn here that nobody asked for
          </label>
          <label className="check">
            <input type="checkbox" checked={resumes} onChange={(event) => setResumes(event.target.checked)} />
            When a usage limit holds prompts, resume automatically at the reset
          </label>
          {isTrusting && <UnseenNote />}
          <Problem text={changing.problem} />
          <div className="actions">
            <button type="button" onClick={onClose}>
              Cancel
            </button>
            {isTrusting ? (
              <AllowButton type="submit" className="primary" disabled={isWaiting}>
                {isWaiting ? 'Changing …' : 'Save'}
              </AllowButton>
            ) : (
              <button className="primary" disabled={isWaiting}>
                {isWaiting ? 'Changing …' : 'Save'}
              </button>
            )}
          </div>
        </form>
      </SeenGate>
    </Dialog>
  );
}

/** Without the trailing slash left by completion, as the server stores it. */
const withoutSlash = (path: string): string => path.trim().replace(/(?<=.)\/+$/, '');
