import { Component, type ReactNode } from 'react';
import { toBooError } from '../../../protocol/error.ts';
import { readable } from '../../text/readable.ts';

interface BoundaryProps {
  /** Drawn in place of what could not be drawn. */
  instead: (error: unknown) => ReactNode;
  /** With another one it is tried again. */
  of?: unknown;
  children: ReactNode;
}

/** What goes wrong while its content is drawn stays inside: without a boundary React takes the whole page away. */
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

/** Each browser has its own words for a part of the bundle that does not come. */
const missingPart = /dynamically imported module|importing a module script|preload CSS/i;

function wordsOf(error: unknown): string {
  const { message } = toBooError(error);
  if (!missingPart.test(message)) return `Something in this page went wrong: ${readable(message)}`;
  return 'A part of this page could not be loaded. Either the server is away, or it has a newer version by now.';
}

const reload = (): void => location.reload();

/** In place of the whole page, or of one part of it. */
export function Broken({ error, onClose }: { error: unknown; onClose?: () => void }) {
  return (
    <section className="welcome" role="alert">
      <h1>This cannot be shown</h1>
      <p>{wordsOf(error)} Nothing is lost: what was said is on the server.</p>
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
    This part of the chat cannot be shown here ({readable(toBooError(error).message)}). The command line shows it, too:
    boocode show.
  </p>
);
