/** Answers that the server keeps up to date. */
import { useCallback, useContext, useEffect, useState } from 'preact/hooks';
import { PausedContext, useHeld } from '../kit/pause.tsx';
import { useServer } from './connection.ts';
import { showNever, showTogether } from './together.ts';
import { type Answered, type Askable, NOTHING_YET } from './use-ask.ts';

/** The newest message of a subscription whose every message tells the whole. */
export const useNewest = <Data>(query: string, variables: object | undefined): Askable<Data> =>
  useLive<Data, Data>(query, variables, newer);

const newer = <Data>(_: Data | undefined, data: Data): Data => data;

/** What a subscription has come to: `fold` puts each message to what was there. Begins anew when the question changes; undefined variables ask nothing. */
export function useLive<Data, State>(
  query: string,
  variables: object | undefined,
  fold: (before: State | undefined, data: Data) => State | undefined,
): Askable<State> {
  const { live } = useServer();
  const [answered, setAnswered] = useState<Answered<State>>(NOTHING_YET);
  // A new object each time it is to be asked anew.
  const [occasion, setOccasion] = useState({});
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
    });
    return () => {
      end();
      showNever(show);
    };
  }, [live, query, given, fold, occasion]);
  const data = useHeld(answered.data, useContext(PausedContext));
  return { data, error: answered.error, again: useCallback(() => setOccasion({}), []) };
}
