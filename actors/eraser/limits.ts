/** Bounds of the eraser, with the reason for each value. */

/** How often it looks whether a partition has committed a block. They do so every two seconds. */
export const COMMITTED_LOOK_MS = 100;
/** One that takes longer has failed, or is a long way behind: whoever asks is told, and asks again. */
export const COMMITTED_LOOKS_MAX = 300;

/** Dead letters that one commit changes: each may be some kilobytes. */
export const LETTERS_PER_COMMIT = 200;

/** Rows that are read of a page of series: labels are short. */
export const SERIES_PAGE_ROWS = 1_000;
