import { type ReactNode, useRef, useState } from 'react';

export function CodeBlock({ children }: { children: ReactNode }) {
  const pre = useRef<HTMLPreElement>(null);
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(pre.current?.textContent ?? '');
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div className="code-block">
      <pre ref={pre} tabIndex={0} role="region" aria-label="Code">
        {children}
      </pre>
      {/* Browsers give a clipboard only to pages that came over TLS or from this machine. */}
      {isSecureContextHere() && (
        <button type="button" className="copy" onClick={() => void copy().catch(() => setCopied(false))}>
          {isCopied ? 'Copied' : 'Copy'}
        </button>
      )}
    </div>
  );
}

const isSecureContextHere = (): boolean => typeof navigator !== 'undefined' && 'clipboard' in navigator;
