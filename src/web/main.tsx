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

applyTheme();
const place = document.getElementById('app');
if (place) {
  createRoot(place).render(
    <ErrorBoundary instead={(error) => <Broken error={error} />}>
      <App />
    </ErrorBoundary>,
  );
}
