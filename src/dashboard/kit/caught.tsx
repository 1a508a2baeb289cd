/** A part of the page that may fail by itself: the rest of the page stays, and in its place stands what went wrong. */
import type { ComponentChildren } from 'preact';
import { useEffect, useErrorBoundary, useRef } from 'preact/hooks';

export interface CaughtProps {
  /** "The view Explore": begins the sentence that says so. */
  readonly what: string;
  /** What is shown: of something else it is tried anew. */
  readonly occasion: unknown;
  readonly children: ComponentChildren;
}

export function Caught({ what, occasion, children }: CaughtProps) {
  const [error, tryAgain] = useErrorBoundary((reason) => console.error(reason));
  const last = useRef(occasion);
  useEffect(() => {
    if (last.current !== occasion && error !== undefined) tryAgain();
    last.current = occasion;
  }, [occasion, error, tryAgain]);
  if (error === undefined) return <>{children}</>;
  return (
    <p role="alert" class="refused">
      {what} cannot be shown: the page has failed at it. Nothing is lost on the server. If it stays
      so, report this text: {error instanceof Error ? error.message : String(error)}{' '}
      <button type="button" class="plain" onClick={tryAgain}>
        Try again
      </button>
    </p>
  );
}
