/** Bounds of replays, with the reason for each value. */

const MIB = 2 ** 20;

/**
 * Rows that are taken out of segments together. More read fewer row groups twice; fewer take less memory: some 50 bytes a row and slice,
 * of which there are two, and what they become waits for one commit.
 */
export const SLICE_ROWS = 1_000_000;
/** A slice that turns out to have more is cut in two. */
export const SLICE_ROWS_MAX = 4 * SLICE_ROWS;
/** And one whose rows bring more different texts than this. */
export const SLICE_TEXT_BYTES_MAX = 128 * MIB;
/** Rows that are folded together: as a large block of the log. */
export const BATCH_ROWS = 65_536;
/** Different texts of a field that are kept from slice to slice: with each batch all of them are looked at. */
export const TEXTS_MAX = 4 * BATCH_ROWS;
/** Row groups that are read and decompressed ahead, 2 to 5 MB each, 50 MB where texts are long: libuv has four threads for them. */
export const FETCHES_MAX = 4;

/** Bytes of the log between two commits of the shadow. */
export const TAIL_STEP_BYTES = 64 * MIB;
/** How often it is begun again when the log was cut, or files were replaced, while they were read. */
export const SOURCE_TRIES = 8;

/** What one swap writes: it is one batch in memory, written while partitions hold still. */
export const SWAP_BYTES_MAX = 256 * MIB;
/** Rows that differ are remembered one by one, in some 300 bytes each, until they are swapped. */
export const ROWS_DIFFERING_MAX = 2_000_000;
/** How often a swap is prepared again because the live rollup got series of its own meanwhile. */
export const SWAP_TRIES = 5;

/** Buckets that differ are counted one by one up to here. */
export const BUCKETS_COUNTED_MAX = 1_000_000;
/** Of each resolution the largest differences are shown. */
export const EXAMPLES_MAX = 10;
/** Relative difference of two sums of fractions that were added in another order. */
export const SUM_TOLERANCE = 1e-12;

/** Cells in which it is estimated how rows are spread over time. */
export const PLAN_CELLS_MAX = 65_536;
