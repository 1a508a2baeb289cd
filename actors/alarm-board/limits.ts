/** Every bound of the alarm board, with its reason. */

/** Alarms that fire, or whose end somebody is still to be told of; about 2 KiB each. What is past it is only in the history. */
export const ALARMS_MAX = 100_000;
/** Groups of alarms. Past it, new groups of a route are one group: its messages are coarser, and nothing is lost. */
export const GROUPS_MAX = 50_000;
/**
 * Alarms of one message, about 1 KiB each. What is new and finds no room goes into the next message of its group; more
 * would make bodies that receivers refuse.
 */
export const ALARMS_PER_MESSAGE_MAX = 500;
/** Times that one alarm fired and resolved between two messages of a group. Of more the oldest are left out. */
export const ENDED_PER_ENTRY_MAX = 16;

/** Silences of a tenant that have not ended: each is held against each alarm when it changes. */
export const SILENCES_PER_TENANT_MAX = 1_000;
/** For how long one is still shown after its end, and how many of a tenant: silences made and ended in a loop must not pile up. */
export const SILENCE_KEPT_MS = 5 * 86_400_000;
export const SILENCES_ENDED_PER_TENANT_MAX = 1_000;
/** From now to its end: a mistaken unit must not make one that outlives everybody, and its end is a time that can be written. */
export const SILENCE_LASTS_MS_MAX = 3_650 * 86_400_000;
export const MATCHERS_MAX = 32;
export const TEXT_CHARS_MAX = 4_096;
/** Of a label's value, what a matcher looks at: a regular expression over long texts would hold up the thread. */
export const MATCHED_CHARS_MAX = 1_024;

/** Rules, receivers and routes of a tenant that were added by mutation. Each rule costs its rollup in every partition. */
export const RULES_PER_TENANT_MAX = 1_000;
export const RECEIVERS_PER_TENANT_MAX = 100;
export const ROUTES_PER_TENANT_MAX = 200;

/** Transitions of a tenant that are kept, and for how long: whichever is less. About 500 bytes each. */
export const HISTORY_PER_TENANT_MAX = 100_000;
export const HISTORY_KEPT_MS = 90 * 86_400_000;
/** Deliveries of a tenant that are kept, whatever became of them; up to some 100 KiB each with their last request. */
export const DELIVERIES_PER_TENANT_MAX = 10_000;
/** Between two warnings that deliveries were pushed out before somebody got them: a flood of messages is no flood of lines. */
export const PUSHED_OUT_LOG_MS = 60_000;
/** Rows that one commit deletes at most, because a bound is passed or they are too old. */
export const TRIMMED_PER_COMMIT_MAX = 500;
/** Entries on one page, and rows that are looked at for it: a filter that nothing passes must not read everything at once. */
export const PAGE_MAX = 500;
export const PAGE_ROWS_MAX = 20_000;

/** How often partitions are asked for what has closed: the delay that it adds, halved, to every alarm. */
export const POLL_INTERVAL_MS = 250;
/** A look that waits for so long behind what people change comes before the next change. */
export const TICK_OVERDUE_MS = 1_000;
/** Work on ticks between two commits: questions wait no longer than this, and a crash repeats no more. */
export const SLICE_MS = 100;
/**
 * How often a rule's progress is committed when nothing else of it changed. What is evaluated twice after a crash gives
 * the same, so this only saves the work.
 */
export const PROGRESS_COMMIT_MS = 10_000;
/** Transitions of a rule that is only tried; it ends there. */
export const RULE_TEST_TRANSITIONS_MAX = 10_000;
/** Messages that may wait for the board: questions of people and dashboards. */
export const MAILBOX_MAX = 256;
export const ASK_TIMEOUT_MS = 5_000;

/** Numbers of groups are never given back; a rule that has used up so many gets new ones for those that exist. */
export const GROUP_NUMBERS_MAX = 100_000;
/** If so many groups live at once, new numbers do not help: then it is not done again at every tick. */
export const RENEWED_EVERY_MS = 3_600_000;
/**
 * Groups of one rollup that are kept apart in its windows; what is beyond counts as overflow, which is the rule's error. A
 * fold has room for 131,072, and a rule for fewer: only many partitions with other groups each come near it.
 */
export const GROUPS_APART_MAX = 120_000;
