/** Every bound of what is told to Hive, with the reason for its value. */
import { MINUTE_MS, SECOND_MS } from '../model/units.ts';

/** One statement of 100 partitions is about 20 KB and takes Hive half a second to add, three to drop; of one partition, 0.15 s. */
export const PARTITIONS_PER_STATEMENT = 100;

/** Of a database, a table. The metastore's columns for them hold 128 characters. */
export const NAME_LENGTH_MAX = 120;

/** Hours of one stream that wait to be told. Past it the whole table is compared instead, which costs one more question. */
export const PENDING_HOURS_MAX = 10_000;

/** Versions that are followed one by one; past it every table is compared. Each is a small file to read. */
export const VERSIONS_FOLLOWED_MAX = 1_000;

/** Partitions that Hive may name for a table: 57 years of hours, about 50 MB while they are compared. */
export const ROWS_MAX = 500_000;
/** Rows that one call fetches. */
export const ROWS_PER_FETCH = 5_000;

/** From looking up the host's name to an open session. HiveServer2 makes a session in 1-2 s. */
export const CONNECT_MS_MAX = 30 * SECOND_MS;
/** To take leave. Without it a server ends the session when it sees that the connection is gone, if it is set up so. */
export const CLOSE_MS_MAX = 2 * SECOND_MS;
/** One call: Hive answers a question for a statement's state within 5 s, and compiles a statement within one call. */
export const CALL_MS_MAX = 2 * MINUTE_MS;
/** A statement altogether: no statement of ours takes a hundredth of it, but it may wait for others' locks. */
export const STATEMENT_MS_MAX = 10 * MINUTE_MS;
/** Between questions for a statement's state; Hive itself waits before it answers, Spark's server does not. */
export const POLL_MS_MIN = 10;
export const POLL_MS_MAX = 500;

/** How often the manifest is looked at, which costs nothing while it has not changed. */
export const LOOK_MS = 2 * SECOND_MS;

/** Waits after a failure: a restart of Hive is seen soon, an outage of days makes no storm. Doubles in between. */
export const RETRY_MS_MIN = SECOND_MS;
export const RETRY_MS_MAX = 2 * MINUTE_MS;

/** An error of Hive may carry a stack of Java; this much of it is shown. */
export const PROBLEM_LENGTH_MAX = 1_000;
