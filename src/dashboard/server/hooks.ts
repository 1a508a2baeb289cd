/** What components share: the session, the connection, questions and their answers. */
import { createContext } from 'preact';
import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks';
import { PausedContext, useHeld } from '../kit/pause.tsx';
import type { FieldStatistics, Health, Rollup } from './answers.ts';
import { AskError, ask, type Live } from './graph.ts';
import type { Session } from './session.ts';
import { showNever, showTogether } from './together.ts';

/** The server as a page reaches it. */
export interface Server {
  /** Undefined: nobody is signed in, a shared link was opened. */
  readonly session: Session | undefined;
  /** Of the link. */
  readonly key: string | undefined;
  readonly live: Live;
  /** The server lets nobody in any more: the session is over, or the link. */
  readonly ended: () => void;
}

export const ServerContext = createContext<Server | undefined>(undefined);

export function useServer(): Server {
  const server = useContext(ServerContext);
  if (server === undefined) throw new Error('used outside of a page that reaches the server');
  return server;
}

export function usePage(): Server & { readonly session: Session } {
  const { session, ...server } = useServer();
  if (session === undefined) throw new Error('used outside of the signed-in page');
  return { ...server, session };
}

export interface Answered<Data> {
  readonly data: Data | undefined;
  readonly error: AskError | undefined;
}

const NOTHING_YET = { data: undefined, error: undefined } as const;

/** One answer, and how to ask anew; what was answered stays until there is another. Null variables: nothing is asked. */
export function useAsk<Data>(
  query: string,
  variables: object | null = {},
): Answered<Data> & { readonly again: () => void } {
  const { key, ended } = useServer();
  const [answered, setAnswered] = useState<Answered<Data>>(NOTHING_YET);
  // A new object each time it is to be asked anew.
  const [occasion, setOccasion] = useState({});
  const given = JSON.stringify(variables);
  useEffect(() => {
    const asked = { query, variables: JSON.parse(given), occasion, isWanted: true };
    if (asked.variables === null) return undefined;
    const tell = (next: Partial<Answered<Data>>) => {
      if (asked.isWanted) setAnswered((before) => ({ ...before, error: undefined, ...next }));
    };
    ask<Data>(asked.query, asked.variables, key).then(
      (data) => tell({ data }),
      (failed: unknown) => {
        const error = asAskError(failed);
        if (error.code === 'unauthorized') ended();
        else tell({ error });
      },
    );
    return () => {
      asked.isWanted = false;
    };
  }, [key, ended, query, given, occasion]);
  return { ...answered, again: useCallback(() => setOccasion({}), []) };
}

const ROLLUPS = `{ rollups { name stream filter { field } dimensions measures { op field } resolutions { stepMs retentionMs } } }`;

/** What the server can answer from: asked when a view opens. */
export function useRollups(): Answered<readonly Rollup[]> {
  const { data, error } = useAsk<{ readonly rollups: readonly Rollup[] }>(ROLLUPS);
  return { data: data?.rollups, error };
}

const FIELDS = `query ($stream: String!) { fields(stream: $stream) { fields { name types { type } samples } } }`;

/** What the events of a stream have had lately. */
export function useStreamFields(stream: string): Answered<readonly FieldStatistics[]> {
  const { data, error } = useAsk<{
    readonly fields: { readonly fields: readonly FieldStatistics[] };
  }>(FIELDS, { stream });
  return { data: data?.fields.fields, error };
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

/**
 * What a subscription has come to: `fold` puts each message to what was there. Begins anew when the question changes; undefined variables ask nothing.
 * `ended` is told when the server has nothing more to tell.
 */
export function useLive<Data, State>(
  query: string,
  variables: object | undefined,
  fold: (before: State | undefined, data: Data) => State | undefined,
  ended?: () => void,
): Answered<State> {
  const { live } = useServer();
  const [answered, setAnswered] = useState<Answered<State>>(NOTHING_YET);
  const given = variables && JSON.stringify(variables);
  useEffect(() => {
    let newest: Answered<State> = NOTHING_YET;
    const show = () => setAnswered(newest);
    show();
    if (given === undefined) return undefined;
    const told = (next: Answered<State>) => {
      // The first answer is waited for.
      const isFirst = newest === NOTHING_YET;
      newest = next;
      if (isFirst) show();
      else showTogether(show);
    };
    const end = live.subscribe<Data>(query, JSON.parse(given), {
      told: (data) => told({ data: fold(newest.data, data), error: undefined }),
      failed: (error) => told({ ...newest, error }),
      ended,
    });
    return () => {
      end();
      showNever(show);
    };
  }, [live, query, given, fold, ended]);
  const data = useHeld(answered.data, useContext(PausedContext));
  return { data, error: answered.error };
}

const HEALTH = `subscription {
  health {
    at problems eventsAccepted eventsRejected logBytes logBytesMax logRefusal spooling
    diskFreeBytes diskReserveBytes archiveProblem
    actors { path name state mailboxDepth mailboxMax oldestMessageAgeMs handled restarts deadLetters lastError }
    partitions { id appliedOffset committedOffset lagBytes watermark series dedupIds }
  }
}`;

const foldHealth = (_: Health | undefined, { health }: { readonly health: Health }): Health =>
  health;

/** Of operators alone: the machinery is not for every reader. */
export const useHealth = (isAdmin: boolean): Answered<Health> =>
  useLive(HEALTH, isAdmin ? {} : undefined, foldHealth);

/** As `useAsk`, and asked anew on each other occasion; the first one is no other. */
export function useAskOn<Data>(
  occasion: unknown,
  query: string,
  variables: object | null = {},
): ReturnType<typeof useAsk<Data>> {
  const asked = useAsk<Data>(query, variables);
  const last = useRef(occasion);
  const { again } = asked;
  useEffect(() => {
    if (last.current !== undefined && last.current !== occasion) again();
    last.current = occasion;
  }, [occasion, again]);
  return asked;
}
