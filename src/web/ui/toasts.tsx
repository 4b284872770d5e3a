import { useStore } from '../state/store.ts';
import { useSession } from './session-context.ts';

export function Toasts() {
  const session = useSession();
  const toasts = useStore(session.toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map((toast) => (
        <div key={toast.id} className={`toast toast-${toast.level}`}>
          <span>{toast.text}</span>
          {toast.action && <button onClick={() => toast.action?.run()}>{toast.action.label}</button>}
        </div>
      ))}
    </div>
  );
}
