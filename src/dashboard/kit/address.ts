/** What is looked at, kept in the address: back goes back, and a link shows a colleague the same. */
import { useCallback, useEffect, useState } from 'preact/hooks';

type Changes = Readonly<Record<string, string | undefined>>;

export interface Address {
  readonly path: string;
  readonly parameters: URLSearchParams;
  /** Goes to another view, as by a link. */
  readonly go: (path: string) => void;
  /** Changes parameters of the view in place; undefined takes one away. */
  readonly set: (changes: Changes) => void;
  /** As `set`, and back undoes it. */
  readonly visit: (changes: Changes) => void;
}

export function useAddress(): Address {
  const [url, setUrl] = useState(() => new URL(location.href));
  useEffect(() => {
    const moved = () => setUrl(new URL(location.href));
    addEventListener('popstate', moved);
    return () => removeEventListener('popstate', moved);
  }, []);
  const go = useCallback((path: string) => {
    history.pushState(null, '', path);
    setUrl(new URL(location.href));
    scrollTo(0, 0);
  }, []);
  const set = useCallback((changes: Changes) => {
    const next = changed(changes);
    history.replaceState(null, '', next);
    setUrl(next);
  }, []);
  const visit = useCallback((changes: Changes) => {
    const next = changed(changes);
    if (next.href !== location.href) history.pushState(null, '', next);
    setUrl(next);
  }, []);
  return { path: url.pathname, parameters: url.searchParams, go, set, visit };
}

/** As a path with a query, without what is undefined. */
export function pathOf(path: string, parameters: Changes): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, value);
  }
  return query.size === 0 ? path : `${path}?${query}`;
}

function changed(changes: Changes): URL {
  const next = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) next.searchParams.delete(name);
    else next.searchParams.set(name, value);
  }
  return next;
}
