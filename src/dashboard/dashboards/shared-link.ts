/** A link to a dashboard: its key is in the fragment, which browsers send to nobody. Pure. */
export const SHARED_PATH = '/shared';

/**
 * Undefined: there is none. Whether it is one that the server knows the server says. What others have put behind a link, such as the end
 * of a sentence or `&utm_source=…`, is not of it.
 */
export const keyInFragment = (fragment: string): string | undefined =>
  /^#(sgd_[\w-]+)/.exec(fragment)?.[1];
