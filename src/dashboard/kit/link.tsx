/** A link within the page: it goes there without loading anew, unless it is opened elsewhere. */
import type { ComponentChildren } from 'preact';
import type { Address } from './address.ts';

export interface LinkProps {
  readonly path: string;
  readonly go: Address['go'];
  /** It is the one that is shown. */
  readonly isHere?: boolean;
  readonly children: ComponentChildren;
}

export function Link({ path, go, isHere = false, children }: LinkProps) {
  return (
    <a
      href={path}
      aria-current={isHere ? 'page' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        go(path);
      }}
    >
      {children}
    </a>
  );
}
