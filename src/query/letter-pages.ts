/** Dead letters as they are stored: pages of the newest, and all of them in the order of their keys. */
import { deadLetterKey, deadLetterRange, parseDeadLetterKey } from '../../storage/state/keys.ts';
import { decodeDeadLetter } from '../../storage/state/rows.ts';
import {
  type ListingStore,
  type StateReader,
  type StateRow,
  scan,
} from '../../storage/state/state.ts';
import { idOf, newerInJournal, newerInTopic, type Place, placeOf } from './dead-letter-order.ts';
import { LETTERS_LOOKED_AT_MAX } from './limits.ts';
import type {
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterView,
} from './system.ts';

interface Found {
  readonly place: Place;
  readonly letter: DeadLetterView;
}

/** Rows at a time where the first ones were not wanted. */
const LOOKED_AT_ONCE = 256;

/**
 * Merges the newest letters of each partition. `isOneOrder`: later in the log is newer, over all partitions; then no more than
 * `LETTERS_LOOKED_AT_MAX` are looked at. Else all that are kept are: one that lies before another may have arrived later.
 */
export async function newestLetters(
  state: Pick<ListingStore, 'pageDown'>,
  partitions: readonly number[],
  isOneOrder: boolean,
  query: DeadLetterQuery,
  lookedAtMax = LETTERS_LOOKED_AT_MAX,
): Promise<DeadLetterPage> {
  const { tenant, first, after } = query;
  const newerFirst = isOneOrder ? newerInJournal : newerInTopic;
  const last = after === undefined ? undefined : placeOf(after);
  const rowsMax = isOneOrder
    ? Math.max(1, Math.floor(lookedAtMax / partitions.length))
    : Number.POSITIVE_INFINITY;
  let found: Found[] = [];
  /** Where the search of some partition ended early: what is older may lack its letters. */
  let lookedTo: Place | undefined;
  for (const partition of partitions) {
    const { from, to: end } = deadLetterRange(partition, tenant);
    let to = last !== undefined && isOneOrder ? deadLetterKey({ ...last, partition, tenant }) : end;
    let lookedAt = 0;
    for (let kept = 0; kept < first || !isOneOrder; ) {
      const atOnce = lookedAt === 0 ? first : Math.max(first, LOOKED_AT_ONCE);
      const rows = await state.pageDown({ from, to }, Math.min(rowsMax - lookedAt, atOnce));
      let place: Place | undefined;
      for (const row of rows) {
        to = row.key;
        const one = foundIn(row);
        place = one.place;
        if (!isWanted(one.letter, query)) continue;
        if (last !== undefined && newerFirst(last, place) >= 0) continue;
        found.push(one);
        kept++;
      }
      found = found.sort((a, b) => newerFirst(a.place, b.place)).slice(0, first);
      lookedAt += rows.length;
      if (place === undefined) break;
      if (lookedAt < rowsMax || kept >= first) continue;
      if (lookedTo === undefined || newerFirst(place, lookedTo) < 0) lookedTo = place;
      break;
    }
  }
  const end = lookedTo;
  const sure = end === undefined ? found : found.filter(({ place }) => newerFirst(place, end) <= 0);
  return {
    letters: sure.map(({ letter }) => letter),
    lookedTo: end !== undefined && sure.length < first ? idOf(end) : undefined,
  };
}

/** Of all partitions, one after the other, the oldest first in each. */
export async function* allLetters(
  state: StateReader,
  partitions: number,
  tenant: string,
): AsyncGenerator<DeadLetterView> {
  for (let partition = 0; partition < partitions; partition++) {
    for await (const row of scan(state, deadLetterRange(partition, tenant))) {
      yield foundIn(row).letter;
    }
  }
}

/** The letters with these ids; undefined for one that is not kept, or not of this tenant. Throws `query_invalid` for what is no id. */
export async function lettersById(
  state: StateReader,
  tenant: string,
  ids: readonly string[],
  partitions: number,
): Promise<(DeadLetterView | undefined)[]> {
  const places = ids.map((id) => placeOf(id, '"id"'));
  const known = places.filter(({ partition }) => partition < partitions);
  const rows = await state.getMany(known.map((place) => deadLetterKey({ ...place, tenant })));
  const byPlace = new Map(known.map((place, i) => [place, rows[i]]));
  return places.map((place) => {
    const value = byPlace.get(place);
    const stored = value && decodeDeadLetter(value);
    // Of a log that was begun anew, another letter may lie there.
    return stored?.arrivalMs === place.arrivalMs ? { id: idOf(place), ...stored } : undefined;
  });
}

function foundIn({ key, value }: StateRow): Found {
  const stored = decodeDeadLetter(value);
  const place = { ...parseDeadLetterKey(key), arrivalMs: stored.arrivalMs };
  return { place, letter: { id: idOf(place), ...stored } };
}

/** Of the filter's tenant they are. */
export const isWanted = (
  { stream, code, arrivalMs, raw, message }: DeadLetterView,
  filter: DeadLetterFilter,
): boolean =>
  (filter.stream === undefined || filter.stream === stream) &&
  (filter.code === undefined || filter.code === code) &&
  arrivalMs >= (filter.fromMs ?? 0) &&
  arrivalMs < (filter.toMs ?? Number.POSITIVE_INFINITY) &&
  (filter.contains === undefined ||
    message.includes(filter.contains) ||
    Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).includes(filter.contains));
