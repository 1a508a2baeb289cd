/**
 * Which node gets which partition. Pure, and the same whichever member computes it: all get about as many, what a node has stays
 * with it unless that would be uneven, and what must move goes where the least of the log has to be read for it.
 */

export interface Candidate {
  /** No two have the same. */
  readonly name: string;
  /** What it was given last, and in which generation: of two that were given the same, the later one has it. */
  readonly owned: readonly number[];
  readonly generation: number;
  /** How far in the log its rows of a partition are, of those that it has rows of. */
  readonly positions: ReadonlyMap<number, number>;
}

/**
 * Name -> its partitions, ascending. Each of `partitions` is with exactly one, and nobody has two more than anybody else. No
 * more move than that takes; partition 0, whose node leads, never moves while its node is there.
 */
export function assign(
  candidates: readonly Candidate[],
  partitions: number,
): ReadonlyMap<string, readonly number[]> {
  const places = placesOf(candidates, partitions);
  const homes = Array.from<Place | undefined>({ length: partitions });
  for (const place of places) for (const partition of place.has) homes[partition] = place;
  const least = Math.floor(partitions / places.length);
  let extras = partitions % places.length;
  for (const place of places) {
    const beyond = place.has.size - least;
    if (beyond <= 0) continue;
    const keepsOneMore = extras > 0;
    if (keepsOneMore) extras -= 1;
    place.gives = keepsOneMore ? beyond - 1 : beyond;
  }
  const moved = new Set<number>();
  for (const { partition, to } of wishesOf(places, homes)) {
    const from = homes[partition];
    const isFree = from === undefined || from.gives > 0;
    const hasRoom = to.has.size < least || (to.has.size === least && extras > 0);
    if (moved.has(partition) || !isFree || !hasRoom) continue;
    if (to.has.size === least) extras -= 1;
    if (from !== undefined) {
      from.gives -= 1;
      from.has.delete(partition);
    }
    to.has.add(partition);
    moved.add(partition);
  }
  return new Map(
    places.map(({ candidate, has }) => [candidate.name, [...has].sort((a, b) => a - b)]),
  );
}

interface Place {
  readonly candidate: Candidate;
  readonly has: Set<number>;
  /** How many it has still to give up. */
  gives: number;
}

/** Where each partition of `to` would lack the least comes first. */
interface Wish {
  readonly partition: number;
  readonly to: Place;
  /** Records of the log behind whoever is the furthest. */
  readonly lag: number;
  readonly isOrphan: boolean;
}

/** By name, so that the order in which members came does not matter. */
function placesOf(candidates: readonly Candidate[], partitions: number): Place[] {
  const places = candidates
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((candidate) => ({ candidate, has: new Set<number>(), gives: 0 }));
  const owners = new Map<number, Place>();
  for (const place of places) {
    for (const partition of place.candidate.owned) {
      const other = owners.get(partition);
      const isLater = (other?.candidate.generation ?? -1) < place.candidate.generation;
      if (partition < partitions && (other === undefined || isLater)) owners.set(partition, place);
    }
  }
  for (const [partition, { has }] of owners) has.add(partition);
  return places;
}

/** Behind every lag that there is: the whole partition has to be brought. */
const WITHOUT_ROWS = Number.MAX_SAFE_INTEGER;
const LEADING = 0;

/** Every way in which a partition could move, the best first; of equal ones first what nobody has, which has to move anyway. */
function wishesOf(places: readonly Place[], homes: readonly (Place | undefined)[]): Wish[] {
  const wishes = homes.flatMap((home, partition): Wish[] => {
    if (home !== undefined && (home.gives === 0 || partition === LEADING)) return [];
    const furthest = Math.max(...places.map(({ candidate }) => positionIn(candidate, partition)));
    return places.flatMap((to) => {
      if (to === home) return [];
      const position = to.candidate.positions.get(partition);
      const lag = position === undefined ? WITHOUT_ROWS : furthest - position;
      return [{ partition, to, lag, isOrphan: home === undefined }];
    });
  });
  // Sorting is stable: what is equal stays in the order of partitions and names.
  return wishes.sort((a, b) => a.lag - b.lag || Number(b.isOrphan) - Number(a.isOrphan));
}

const positionIn = ({ positions }: Candidate, partition: number): number =>
  positions.get(partition) ?? -1;
