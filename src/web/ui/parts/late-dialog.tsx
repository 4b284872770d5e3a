import { type ReactNode, Suspense } from 'react';
import { Dialog } from './dialog.tsx';
import { brokenText, ErrorBoundary } from './error-boundary.tsx';
import { Problem } from './problem.tsx';

/** A dialog that is loaded when it is opened. Where it cannot be, another one says so. */
export function LateDialog({ onClose, children }: { onClose: () => void; children: ReactNode }) {
  return (
    <ErrorBoundary
      instead={(error) => (
        <Dialog title="This could not be shown" onClose={onClose}>
          <Problem text={`${brokenText(error)} Reload the page.`} />
        </Dialog>
      )}
    >
      <Suspense>{children}</Suspense>
    </ErrorBoundary>
  );
}
