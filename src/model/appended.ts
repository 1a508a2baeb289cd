/** Where blocks have come to when an append is answered. */
import type { Offset } from './units.ts';

/**
 * The offset of each block. Or `spooled`: while the log is out of reach they are kept on the local disk, as safe from a power cut,
 * and come into the log later, in their order. Until then nobody knows their offsets.
 */
export type Appended = readonly Offset[] | 'spooled';
