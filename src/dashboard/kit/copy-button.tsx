/** Copies a text, and says whether it could. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { copy } from './clipboard.ts';

export interface CopyButtonProps {
  readonly text: () => string;
  readonly children: ComponentChildren;
}

export function CopyButton({ text, children }: CopyButtonProps) {
  const [outcome, setOutcome] = useState('');
  return (
    <>
      <button type="button" onClick={() => void copy(text()).then(setOutcome)}>
        {children}
      </button>{' '}
      <span role="status" class="quiet">
        {outcome}
      </span>
    </>
  );
}
