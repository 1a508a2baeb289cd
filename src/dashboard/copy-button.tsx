/** Copies a text, and says whether it could. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

export interface CopyButtonProps {
  readonly text: () => string;
  readonly children: ComponentChildren;
}

export function CopyButton({ text, children }: CopyButtonProps) {
  const [outcome, setOutcome] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setOutcome('Copied');
    } catch {
      // Only pages that came over TLS, or from this machine, may.
      setOutcome('The browser does not let the page copy: select the text');
    }
  };
  return (
    <>
      <button type="button" onClick={() => void copy()}>
        {children}
      </button>{' '}
      <span role="status" class="quiet">
        {outcome}
      </span>
    </>
  );
}
