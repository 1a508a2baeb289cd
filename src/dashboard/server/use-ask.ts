/** Questions that are asked once, and anew when somebody wants it. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { useServer } from './connection.ts';
import { AskError, ask } from './graph.ts';
import { type Asking, askOneAtATime } from './one-at-a-time.ts';

export interface Answered<Data> {
  readonly data: Data | undefined;
  readonly error: AskError | undefined;
}

export interface Askable<Data> extends Answered<Data> {
  /** Asks anew. */
  readonly again: () => void;
}

export const NOTHING_YET = { data: undefined, error: undefined } as const;

/**
 * One answer, and how to ask anew; what was answered stays until there is another. Null variables: nothing is asked. What could not be
 * asked is asked again when the server is heard again.
 */
export function useAsk<Data>(query: string, variables: object | null = {}): Askable<Data> {
  const { key, recoveries, ended } = useServer();
  const [answered, setAnswered] = useState<Answered<Data>>(NOTHING_YET);
  const asking = useRef<Asking>(undefined);
  const given = JSON.stringify(variables);
  useEffect(() => {
    const asked: object | null = JSON.parse(given);
    if (asked === null) return undefined;
    const own = askOneAtATime(
      () => ask<Data>(query, asked, key),
      (data) => setAnswered({ data, error: undefined }),
      (reason) => {
        const error = asAskError(reason);
        if (error.code === 'unauthorized') ended();
        else setAnswered((before) => ({ ...before, error }));
      },
    );
    asking.current = own;
    return () => {
      asking.current = undefined;
      own.end();
    };
  }, [key, ended, query, given]);
  useEffect(() => {
    if (recoveries > 0) asking.current?.recover();
  }, [recoveries]);
  return { ...answered, again: useCallback(() => asking.current?.again(), []) };
}

/** As `useAsk`, and asked anew on each other occasion; the first one is no other. */
export function useAskOn<Data>(
  occasion: unknown,
  query: string,
  variables: object | null = {},
): Askable<Data> {
  const asked = useAsk<Data>(query, variables);
  const last = useRef(occasion);
  const { again } = asked;
  useEffect(() => {
    if (last.current !== undefined && last.current !== occasion) again();
    last.current = occasion;
  }, [occasion, again]);
  return asked;
}

export const asAskError = (error: unknown): AskError =>
  error instanceof AskError ? error : new AskError('unknown', String(error));

/** What was refused last. Without a session somebody has to sign in; all else is there to be shown. */
export function useFailure() {
  const { ended } = useServer();
  const [error, setError] = useState<AskError>();
  const failed = useCallback(
    (reason: unknown) => {
      const refusal = asAskError(reason);
      if (refusal.code === 'unauthorized') ended();
      else setError(refusal);
    },
    [ended],
  );
  const forget = useCallback(() => setError(undefined), []);
  return { error, failed, forget };
}
