import { type FormEvent, useCallback, useEffect, useState } from 'react';
import type { Chat, PatchChat, RunningChoice, SettingName } from '../../../protocol/chat.ts';
import { toBooError } from '../../../protocol/error.ts';
import type { ChatTrust } from '../../../protocol/trust.ts';
import { readableLine } from '../../text/readable.ts';
import { AllowButton, SeenGate, UnseenNote, useSeenGate } from '../decisions/seen-gate.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { DirectoryField } from '../chats/directory-field.tsx';
import { Problem } from '../parts/problem.tsx';
import { InterruptedField, SettingFields, SettingToggle } from '../parts/setting-fields.tsx';
import { useAttempt } from '../parts/use-attempt.ts';
import { useSession } from '../parts/session-context.ts';
import { useSettingsDraft } from '../parts/use-settings-draft.ts';
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
  const [trust, setTrust] = useState<ChatTrust>();
  // A changed directory needs its own approval, so saving another setting must not grant it.
  const wasTrusted = chat.trusted && trust?.holds !== false;
  const draft = useSettingsDraft<Pick<Chat, SettingName>>({ ...chat, trusted: wasTrusted });
  const { cwd, trusted, backend } = draft.values;
  const [isMoveOpen, setMoveOpen] = useState(isMissing);
  const [turn, setTurn] = useState<RunningChoice>('finish');
  const changing = useAttempt();
  const { attempt } = changing;
  const [isGiving, setGiving] = useState(false);
  const isWaiting = changing.isBusy || isGiving;
  const [problem, setProblem] = useState<string>();
  const gate = useSeenGate();

  const load = useCallback(async (): Promise<void> => {
    try {
      const found = await session.api.getTrust(chat.id);
      setTrust(found);
    } catch (error) {
      setProblem(`The content of this directory could not be read: ${toBooError(error).message}`);
    }
  }, [session, chat.id]);
  useEffect(() => void load(), [load]);
  const isMoving = withoutSlash(cwd) !== chat.cwd;
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
      draft.set({ trusted: wasTrusted });
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
    const { cwd: _path, trusted: isTrusted, ...others } = draft.changes;
    const patch: PatchChat = {
      ...others,
      ...(isTrusted === false && !isMoving ? { trusted: false } : {}),
      ...(isMoving ? { cwd: withoutSlash(cwd) } : {}),
      ...(isMoving || others.backend !== undefined ? { running: turn } : {}),
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
            {!isMoveOpen && (
              <button type="button" className="plain" onClick={() => setMoveOpen(true)}>
                Move chat …
              </button>
            )}
          </p>
          {chat.workspace && chat.workspace.remote !== null && (
            <p className="quiet">
              Repository: <bdi>{readableLine(chat.workspace.remote, 1000)}</bdi>
              {chat.workspace.branch !== null && (
                <>
                  , branch <bdi>{readableLine(chat.workspace.branch, 200)}</bdi>
                </>
              )}
            </p>
          )}
          {chat.currentDirectory !== chat.cwd && (
            <p className="quiet">
              The agent works in: <bdi>{readableLine(chat.currentDirectory, 1000)}</bdi>
            </p>
          )}
          {isMoveOpen && <DirectoryField value={cwd} onChange={(path) => draft.set({ cwd: path })} />}
          <McpServers servers={chat.mcpServers} />
          <SettingFields draft={draft} running={running} spentUsd={chat.costUsd} />
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
            <SettingToggle
              name="trusted"
              label="Trust this directory as it is now: load its own settings, hooks and instructions"
              draft={draft}
              disabled={!trust}
            />
          )}
          <Problem text={problem} />
          {trust && !isMoving && <DirectoryTrust trust={trust} onWithdraw={() => void change({ trusted: false })} />}
          <SettingToggle
            name="acceptsAgentMessages"
            label="Accept messages from other chats’ agents: each starts a turn here that nobody asked for"
            draft={draft}
          />
          <SettingToggle
            name="resumeAtReset"
            label="When a usage limit holds prompts, resume automatically at the reset"
            draft={draft}
          />
          <InterruptedField draft={draft} />
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
