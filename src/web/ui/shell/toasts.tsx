import { useStore } from '../parts/use-store.ts';
import { Icon } from '../parts/icon.tsx';
import { useSession } from '../parts/session-context.ts';

export function Toasts() {
  const session = useSession();
  const toasts = useStore(session.toasts);
  const leave = (id: number): void => session.toasts.update((list) => list.filter((toast) => toast.id !== id));
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map((toast) => (
        <div key={toast.id} className={`toast toast-${toast.level}`}>
          <span>{toast.text}</span>
          {toast.action && <button onClick={() => toast.action?.run()}>{toast.action.label}</button>}
          <button className="icon-button" aria-label="Dismiss" onClick={() => leave(toast.id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
