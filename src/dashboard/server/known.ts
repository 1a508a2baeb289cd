/** What several views want to know of the server: its rollups, the fields of a stream, how it is. */
import type { FieldStatistics, Health, Rollup } from './answers.ts';
import { type Askable, useAsk } from './use-ask.ts';
import { useNewest } from './use-live.ts';

const ROLLUPS = `{ rollups { name stream filter { field } dimensions measures { op field } resolutions { stepMs retentionMs } } }`;

/** What the server can answer from: asked when a view opens. */
export function useRollups(): Askable<readonly Rollup[]> {
  const { data, ...asked } = useAsk<{ readonly rollups: readonly Rollup[] }>(ROLLUPS);
  return { ...asked, data: data?.rollups };
}

const FIELDS = `query ($stream: String!) { fields(stream: $stream) { fields { name types { type } samples } } }`;

/** What the events of a stream have had lately. */
export function useStreamFields(stream: string): Askable<readonly FieldStatistics[]> {
  const { data, ...asked } = useAsk<{
    readonly fields: { readonly fields: readonly FieldStatistics[] };
  }>(FIELDS, { stream });
  return { ...asked, data: data?.fields.fields };
}

const HEALTH = `subscription {
  health {
    at problems eventsAccepted eventsRejected logBytes logBytesMax logRefusal spooling
    diskFreeBytes diskReserveBytes archiveProblem
    actors { path name state mailboxDepth mailboxMax oldestMessageAgeMs handled restarts deadLetters lastError }
    partitions { id appliedOffset committedOffset lagBytes watermark series dedupIds }
  }
}`;

/** Of operators alone: the machinery is not for every reader. */
export function useHealth(isAdmin: boolean): Askable<Health> {
  const { data, ...asked } = useNewest<{ readonly health: Health }>(
    HEALTH,
    isAdmin ? {} : undefined,
  );
  return { ...asked, data: data?.health };
}
