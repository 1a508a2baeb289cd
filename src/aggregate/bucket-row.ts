/** Stored rows: all series of one bucket, one column group, packed by column (byte drawing: storage/FORMAT.md). */

/** Associative and commutative (float sums up to rounding). Throws `state_corrupt`. */
export declare function mergeRows(a: Uint8Array, b: Uint8Array): Uint8Array;
