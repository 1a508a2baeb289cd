/** What operators ask about: actors, partitions, dead letters, events that wait. Put together from all threads. */
import type { ActorSnapshot } from '../actors/runtime.ts';
import { countBacklog } from '../storage/log/backlog.ts';
import type { JournalShared } from '../storage/log/journal-shared.ts';
import { deadLetterKey, deadLetterRange, parseDeadLetterKey } from '../storage/state/keys.ts';
import type { OpenState } from '../storage/state/rocksdb.ts';
import { decodeDeadLetter } from '../storage/state/rows.ts';
import { AppError } from './model/errors.ts';
import { offset } from './model/units.ts';
import type { DeadLetterQuery, DeadLetterView, SystemPort } from './query/system.ts';
import type { PartitionMetrics } from './threads/protocol.ts';

export interface SystemSources {
  readonly state: OpenState;
  readonly journalDir: string;
  readonly shared: JournalShared;
  actors(): Promise<readonly ActorSnapshot[]>;
  partitions(): Promise<readonly PartitionMetrics[]>;
}

export function createSystem(sources: SystemSources): SystemPort {
  const { state, journalDir, shared } = sources;
  return {
    actors: sources.actors,
    partitions: sources.partitions,
    deadLetters: (query) => newestDeadLetters(state, shared.partitions, query),
    async pendingEvents(tenant, stream, from) {
      const applied = new Map([...from].map(([partition, at]) => [partition, offset(at)]));
      const { entries, complete } = await countBacklog(journalDir, shared, applied);
      const events = entries
        .filter((entry) => entry.tenant === tenant && entry.stream === stream)
        .reduce((sum, { received }) => sum + received, 0);
      return { events, isComplete: complete };
    },
  };
}

interface Place {
  readonly partition: number;
  readonly offset: number;
  readonly row: number;
}

/** Later in the journal is newer: its offsets are one sequence over all partitions. */
const newerFirst = (a: Place, b: Place): number => b.offset - a.offset || b.row - a.row;

/** Merges the newest letters of each partition. `after` is the place of the last one of the page before. */
async function newestDeadLetters(
  state: OpenState,
  partitions: number,
  { tenant, stream, first, after }: DeadLetterQuery,
): Promise<DeadLetterView[]> {
  const below = after === undefined ? undefined : placeOf(after);
  const found: { place: Place; letter: DeadLetterView }[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const { from, to: end } = deadLetterRange(partition, tenant);
    let to = below === undefined ? end : deadLetterKey({ ...below, partition, tenant });
    for (let kept = 0; kept < first; ) {
      const rows = await state.pageDown({ from, to }, first);
      for (const { key, value } of rows) {
        to = key;
        const stored = decodeDeadLetter(value);
        if (stream !== undefined && stored.stream !== stream) continue;
        const place = parseDeadLetterKey(key);
        found.push({ place, letter: { id: idOf(place), ...stored } });
        kept++;
      }
      if (rows.length === 0) break;
    }
  }
  found.sort((a, b) => newerFirst(a.place, b.place));
  return found.slice(0, first).map(({ letter }) => letter);
}

const idOf = ({ partition, offset, row }: Place): string =>
  [offset, row, partition].map((part) => part.toString(36)).join('.');

function placeOf(id: string): Place {
  const match = /^([0-9a-z]{1,11})\.([0-9a-z]{1,7})\.([0-9a-z]{1,4})$/.exec(id);
  const [offset = -1, row = -1, partition = -1] = (match ?? [])
    .slice(1)
    .map((part) => Number.parseInt(part, 36));
  if (match === null || !Number.isSafeInteger(offset)) {
    throw new AppError(
      'query_invalid',
      `"after" must be the id of a dead letter, received "${id}"`,
    );
  }
  return { partition, offset, row };
}
