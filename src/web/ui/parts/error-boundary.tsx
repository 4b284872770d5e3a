import { Component, type ReactNode } from 'react';
import { toBooError } from '../../../protocol/error.ts';
import { readable } from '../../text/readable.ts';

interface BoundaryProps {
  /** Rendered in place of content that failed to render. */
  instead: (error: unknown) => ReactNode;
  /** Rendering is retried when this changes. */
  of?: unknown;
  children: ReactNode;
}

/** Contains rendering errors: without a boundary, React removes the whole page. */
export class ErrorBoundary extends Component<BoundaryProps, { error?: unknown; isBroken: boolean }> {
  override state: { error?: unknown; isBroken: boolean } = { isBroken: false };

  static getDerivedStateFromError(error: unknown) {
    return { error, isBroken: true };
  }

  override componentDidUpdate(before: BoundaryProps): void {
    if (this.state.isBroken && before.of !== this.props.of) this.setState({ error: undefined, isBroken: false });
  }

  override render(): ReactNode {
    return this.state.isBroken ? this.props.instead(this.state.error) : this.props.children;
  }
}

/** Browsers word a failed import differently. */
const missingPart = /dynamically imported module|importing a module script|preload CSS/i;

export function brokenText(error: unknown): string {
  const { message } = toBooError(error);
  if (!missingPart.test(message)) return `Something went wrong on this page: ${readable(message)}`;
  return 'Part of this page could not be loaded. The server is unreachable, or was upgraded.';
}

const reload = (): void => location.reload();

/** Replaces the whole page, or one part of it. */
export function Broken({ error, onClose }: { error: unknown; onClose?: () => void }) {
  return (
    <section className="welcome" role="alert">
      <h1>This could not be shown</h1>
      <p>{brokenText(error)} Nothing is lost: the chat is stored on the server.</p>
      <div className="actions">
        <button className="primary" onClick={reload}>
          Reload the page
        </button>
        {onClose && <button onClick={onClose}>Close</button>}
      </div>
    </section>
  );
}

export const brokenItem = (error: unknown): ReactNode => (
  <p className="notice notice-error">
    This part of the chat could not be shown ({readable(toBooError(error).message)}). To read it, run boocode show.
  </p>
);
