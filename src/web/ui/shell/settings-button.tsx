import { lazy, Suspense, useState } from 'react';
import { type NotificationWish, notificationWish, wishNotifications } from '../../state/notifications.ts';
import { useStore } from '../parts/use-store.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { peopleHref, schedulesHref, usageHref, worktreesHref } from '../parts/route.ts';
import { useSession } from '../parts/session-context.ts';
import { AddDevice } from './add-device.tsx';
import { ClaudeAccount } from './claude-account.tsx';
import { shortcuts, shortcutText } from './shortcuts.ts';
import { applyTheme, storedTheme, themes, type Theme } from '../../state/theme.ts';

const PlanUsage = lazy(() => import('../limits/plan-usage.tsx'));

const SharedBudgets = lazy(() => import('../budgets/shared-budgets.tsx'));

const themeWords: Record<Theme, string> = { auto: 'System', light: 'Light', dark: 'Dark' };
const wishWords: Record<NotificationWish, string> = {
  on: 'You are notified when a chat waits for you, is held or ends its turn, as long as BooCode is open in a tab and you are not looking at that chat.',
  off: 'Off.',
  unanswered:
    'The browser has not allowed notifications yet. Answer its prompt, or allow them in its settings for this page.',
  unsupported: 'This browser does not show notifications from a page in a tab.',
  blocked: 'Notifications are blocked. Allow them in the browser’s settings for this page.',
  impossible: 'Browsers only show notifications from pages loaded over HTTPS or from the same machine.',
};

/** Keys of the prompt field. */
const keys = [
  ['Enter', 'Send (on a touch screen: new line)'],
  ['Shift+Enter', 'New line'],
  ['/', 'At the start: agent commands'],
  ['Escape', 'Interrupt the running turn'],
] as const;

export function SettingsButton() {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button className="icon-button" aria-label="Settings" title="Settings" onClick={() => setOpen(true)}>
        <Icon name="gear" />
      </button>
      {isOpen && <Settings onClose={() => setOpen(false)} />}
    </>
  );
}

function Settings({ onClose }: { onClose: () => void }) {
  const session = useSession();
  const info = useStore(session.info);
  const [theme, setTheme] = useState(storedTheme);
  const [wish, setWish] = useState(notificationWish);
  return (
    <Dialog title="Settings" onClose={onClose}>
      <fieldset className="choices">
        <legend>Colours</legend>
        {themes.map((each) => (
          <label key={each}>
            <input
              type="radio"
              name="theme"
              checked={theme === each}
              onChange={() => {
                applyTheme(each);
                setTheme(each);
              }}
            />
            {themeWords[each]}
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>Notifications</legend>
        <label className="check">
          <input
            type="checkbox"
            checked={wish === 'on'}
            disabled={wish === 'impossible' || wish === 'blocked' || wish === 'unsupported'}
            onChange={(event) => void wishNotifications(event.target.checked).then(setWish)}
          />
          Notify me
        </label>
        <p className="quiet">{wishWords[wish]}</p>
      </fieldset>
      <Suspense>
        <SharedBudgets />
      </Suspense>
      <AddDevice />
      {info && !info.demo && <ClaudeAccount />}
      <Suspense>
        <PlanUsage />
      </Suspense>
      <section aria-labelledby="keys">
        <h3 id="keys">Keys</h3>
        <dl className="keys">
          {Object.values(shortcuts).map((shortcut) => (
            <div key={shortcut.label}>
              <dt>
                <kbd>{shortcutText(shortcut)}</kbd>
              </dt>
              <dd>{shortcut.label}</dd>
            </div>
          ))}
          {keys.map(([key, label]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{label}</dd>
            </div>
          ))}
        </dl>
      </section>
      <p>
        <a href={worktreesHref} onClick={onClose}>
          Worktrees of all chats
        </a>
        {' · '}
        <a href={schedulesHref} onClick={onClose}>
          Schedules of all chats
        </a>
      </p>
      <p>
        <a href={usageHref} onClick={onClose}>
          Usage and cost of all chats
        </a>
        {' · '}
        <a href={peopleHref} onClick={onClose}>
          People, devices and tokens
        </a>
      </p>
      {info && (
        <p className="quiet">
          BooCode {info.version}
          {info.demo ? ', answered by the scripted demo model' : ''}. {info.warmChats} warm{' '}
          {info.warmChats === 1 ? 'chat' : 'chats'}.
        </p>
      )}
      <div className="actions">
        <button type="button" onClick={() => session.signOut()}>
          Sign out
        </button>
      </div>
    </Dialog>
  );
}
