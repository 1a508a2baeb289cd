/**
 * Stamps of stretches from the rows themselves, where nobody counts how often these are written. They are read for that; what is spared is
 * merging them. The order of the rows matters and is nearly always the same.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Stamp } from './row-stamps.ts';
import type { SeriesGroups } from './series-groups.ts';

export class StretchDigests {
  readonly #hashes: Hash[];

  constructor(stretches: number) {
    this.#hashes = Array.from({ length: stretches }, () => createHash('sha1'));
  }

  add(stretch: number, partition: number, bucketMs: number, group: number, row: Uint8Array): void {
    this.#hashes[stretch]?.update(`${partition}/${bucketMs}/${group}/`).update(row);
  }

  /** Series that were unknown when a row was merged were left out of it: with new ones no stamp is the same. */
  stamps({ mapped }: SeriesGroups): Stamp[] {
    return this.#hashes.map((hash) => ({ layout: hash.digest('base64'), writes: mapped }));
  }
}
