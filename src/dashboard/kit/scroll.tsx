/** A table that may be wider than the window: it scrolls by itself, by keyboard, too. */
import type { ComponentChildren } from 'preact';

export interface ScrollProps {
  /** Of what is in it, for those who come there by keyboard and do not see it. */
  readonly label: string;
  readonly children: ComponentChildren;
}

export function Scroll({ label, children }: ScrollProps) {
  const reached = { role: 'region' as const, tabIndex: 0, 'aria-label': label };
  return (
    <div class="scroll" {...reached}>
      {children}
    </div>
  );
}
