/** Every bound of notifications, with its reason. */

/**
 * Waiting deliveries of one receiver that are known in memory, about 200 bytes each; the others wait in the store until
 * there is room. It must exceed what a few groups can pile up behind a message that no attempt gets through (one message
 * per group interval until it is given up), since only groups among these are tried. A turn of the queue looks at all of
 * them in the worst case, which takes about 0.1 ms.
 */
export const WAITING_KNOWN_MAX = 4_096;
/** Attempts of one delivery that are kept; the newest, because these say what is wrong now. */
export const ATTEMPTS_KEPT_MAX = 10;
/** Of the body as it was sent, kept for people to read. */
export const REQUEST_BODY_KEPT_CHARS_MAX = 64 * 1024;
/** Of an answer's body. Enough for the error texts of the usual services; a receiver cannot make us read more. */
export const RESPONSE_BODY_BYTES_MAX = 4 * 1024;
/** Of an attempt's detail: stored up to `ATTEMPTS_KEPT_MAX` times per delivery. */
export const DETAIL_CHARS_MAX = 1_024;
/** An answer's body tells people something; it does not change the outcome, so a slow one is not waited for. */
export const RESPONSE_BODY_WAIT_MS_MAX = 2_000;
/** A receiver may ask for so much patience and no more: a mistaken `Retry-After` of a year must not lose a day's alarms. */
export const RETRY_AFTER_MS_MAX = 24 * 60 * 60 * 1000;
/** Between tries to write down what an attempt came to, while the store refuses. */
export const RECORD_RETRY_MS = 1_000;
/** An attempt whose sender ignores its end gives up its place after so long. */
export const ABORT_GRACE_MS = 1_000;
/** Timers are cut to this and set again, so that a jump of the wall clock delays a retry by no more. */
export const TIMER_MS_MAX = 60 * 60 * 1000;

/** Templates: what one may be, and what it may make. All of it runs on the main thread. */
export const TEMPLATE_CHARS_MAX = 64 * 1024;
export const TEMPLATE_DEPTH_MAX = 16;
export const RENDERED_CHARS_MAX = 1024 * 1024;
/** Pieces rendered, a pass of a loop being one: nested loops multiply, and empty ones make no characters. About 10 ms. */
export const RENDER_STEPS_MAX = 100_000;
