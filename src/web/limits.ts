/** Bounds of what is made of visits, each with its reason. */

/** Agents whose parse is remembered. A large site sees some thousands a day; with 512 characters each these are 8 MB at most. */
export const AGENTS_KNOWN_MAX = 8_192;

/** Parameters of the pixel, besides those about the page, that become fields of its event; further ones are left out. */
export const PARAMETERS_MAX = 32;
/** Of their names, in UTF-8: an event with a longer one would be refused as a whole. */
export const NAME_BYTES_MAX = 128;
/** Of one of their values, and of a path; what is longer is cut. Larger makes columns of long texts that nobody groups by. */
export const TEXT_LENGTH_MAX = 1_024;

/** How often it is looked whether the day is over, whose salt has to go, and whether there is another file of countries. */
export const LOOK_MS = 60_000;
