import { type ReactNode, useRef } from 'react';
import { CopyButton } from './copy-button.tsx';

export function CodeBlock({ children }: { children: ReactNode }) {
  const pre = useRef<HTMLPreElement>(null);
  return (
    <div className="code-block">
      <pre ref={pre} tabIndex={0} role="region" aria-label="Code">
        {children}
      </pre>
      <CopyButton what="this code" className="copy" text={() => pre.current?.textContent ?? ''} />
    </div>
  );
}
