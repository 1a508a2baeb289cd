/** The streams of a tenant, as a view offers them. */
import { useMemo } from 'preact/hooks';
import type { Rollup } from '../server/answers.ts';
import { type Askable, useAsk } from '../server/use-ask.ts';
import { streamsOf } from './streams.ts';

/** In which events have come. */
export function useStreamNames(): Askable<readonly string[]> {
  const { data, ...asked } = useAsk<{ readonly streams: readonly string[] }>('{ streams }');
  return { ...asked, data: data?.streams };
}

/** Those of rollups until it is known in which others events have come, and where nobody can say. */
export function useStreams(rollups: readonly Rollup[] | undefined): readonly string[] {
  const { data: names } = useStreamNames();
  return useMemo(() => streamsOf(rollups ?? [], names ?? []), [rollups, names]);
}
