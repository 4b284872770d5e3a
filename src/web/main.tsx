import { lazy, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import './styles/base.css';
import './styles/layout.css';
import './styles/chat.css';
import './styles/tools.css';
import './styles/composer.css';
import './styles/parts.css';
import { App } from './app.tsx';
import { Broken, ErrorBoundary } from './ui/parts/error-boundary.tsx';
import { applyTheme } from './state/theme.ts';

const SharedPage = lazy(() => import('./ui/shared/shared-page.tsx'));
/** A link shows one chat, whoever is signed in here. */
const isShared = (): boolean => location.hash.startsWith('#share=');
const wasShared = isShared();
addEventListener('hashchange', () => (wasShared || isShared()) && location.reload());

applyTheme();
const place = document.getElementById('app');
if (place) {
  createRoot(place).render(
    <ErrorBoundary instead={(error) => <Broken error={error} />}>
      <Suspense>{wasShared ? <SharedPage /> : <App />}</Suspense>
    </ErrorBoundary>,
  );
}
