/** Every bound of the query side, with the reason for its value. */

/** Points of one series. A screen has no more columns; Prometheus allows 11,000. */
export const POINTS_MAX = 11_000;

/**
 * Numbers that one answer may carry (series x points x measures): about 20 MB of JSON. A browser that gets more
 * freezes, and the answer of one reader must not take the memory of all.
 */
export const ANSWER_VALUES_MAX = 400_000;

/** Accumulators that one query may hold while it merges, before `limit` cuts: some 100 MB at worst. */
export const CELLS_MAX = 1_000_000;

/**
 * Points that are merged at the same time, without and with sketches: accumulators of a sketch measure are up to
 * kilobytes per series and point, scalars tens of bytes. More points mean fewer RocksDB iterators.
 */
export const CHUNK_POINTS = 128;
export const CHUNK_POINTS_SKETCH = 32;

/** Range of steps by a calendar: 200 years, of which a zone's clock is looked up in some 30 ms. */
export const CALENDAR_RANGE_MAX_MS = 2_400 * 2_629_746_000;

/** Series for which an accumulator begins with room, so that it need not grow: of more a step may have few. */
export const SLOTS_EXPECTED_MAX = 256;

/**
 * Rows that points over overlapping windows share while they are merged. A series of distinct counts has up to 3 KB in each stretch, and as
 * much again in runs of them: some 200 busy series of sixty days.
 */
export const WINDOW_BYTES_MAX = 64 * 1024 * 1024;
/**
 * What all windows of a query merge of those rows, which is work: a second or two. A window of n stretches merges up to 2 log2(n) times what
 * a stretch has: 4 MB for a hundred busy series of distinct counts, so that a query may have some hundreds of such points.
 */
export const WINDOW_MERGED_BYTES_MAX = 1024 * 1024 * 1024;
/** How long merging may hold the thread before others have their turn. */
export const MERGE_SLICE_MS = 10;
/** As above, between chunks, of which small ones take less. */
export const TURN_MS = 2;

/** Stored rows that one query may read: about a second of work. */
export const ROWS_MAX = 200_000;

export const SERIES_LIMIT_DEFAULT = 100;
export const SERIES_LIMIT_MAX = 10_000;
export const MEASURES_MAX = 16;
export const GROUP_BY_MAX = 8;
/** Heaviest values that are given where the question does not say how many. At most there are as many as a rollup may keep. */
export const TOP_ENTRIES_DEFAULT = 10;
/** Edges of a histogram: a heat map's rows. Each is a condition that every event of a segment is held against. */
export const HISTOGRAM_EDGES_MAX = 100;

/** A condition is compiled to closures: deeper ones would recurse deep, wider ones cost each series. */
export const WHERE_DEPTH_MAX = 8;
export const WHERE_TERMS_MAX = 256;

/** Points that a query gets which names no step: a chart's worth. */
export const POINTS_WANTED = 240;
/** Range of a query that names none. */
export const RANGE_DEFAULT_MS = 3_600_000;

/** A partition that has not answered by then is named as missing; its committed rows still count. */
export const COLLECT_TIMEOUT_MS = 2_000;
/**
 * How often a query begins anew because a partition was lost while it was read: once in the hope that it is found elsewhere, then
 * without it; nodes are seldom lost two at a time.
 */
export const ATTEMPTS_MAX = 4;
/**
 * How long a poll of closed rows waits for a slow partition: who follows them answers nothing else meanwhile. Less, and busy
 * partitions are heard one poll later.
 */
export const POLL_WAIT_MS = 200;
/** How long `after` waits. A partition lags by milliseconds, or by minutes while it replays: no use in between. */
export const AFTER_TIMEOUT_MS = 10_000;

/** Values that found no series any more, of a field of a rollup: enough to see what they are. Each partition keeps as many. */
export const OVERFLOW_EXAMPLES_MAX = 8;

/** Queries that work at the same time; each holds its accumulators. Further ones wait. */
export const QUERIES_RUNNING_MAX = 4;
/** Queries that may wait for that; past it `query_overload`. */
export const QUERIES_WAITING_MAX = 256;

/** Series whose labels are kept in memory (some 200 bytes each); the least recently asked rollups go first. */
export const SERIES_CACHED_MAX = 250_000;

/** Of all that is kept of answers, what one question may have. */
export const KEPT_PART_MAX = 0.25;
/** What a question costs of which nothing is kept but that it was asked. */
export const KEPT_QUESTION_BYTES = 4_096;
/** What a stored series costs a question that is kept: its place, and a part of the labels of what it is grouped to. */
export const KEPT_SERIES_BYTES = 100;

/** Live queries that run at the same time; equal ones run once for all their subscribers. */
export const LIVE_QUERIES_MAX = 64;
/** Each is a place in a history: what they cost is what they are sent. An open dashboard has six. */
export const LIVE_SUBSCRIBERS_MAX = 4_000;
/** Of those, what one tenant may have: the others must always find room. */
export const LIVE_QUERIES_PER_TENANT_MAX = 48;
export const LIVE_SUBSCRIBERS_PER_TENANT_MAX = 3_000;
/** A live query answers again at most this often, however much is applied... */
export const LIVE_TICK_MS = 200;
/** ...which a subscriber may want less often, to spare itself; longer is a question that is asked again. */
export const LIVE_EVERY_MS_MAX = 60_000;
/** ...and this often although nothing is, because watermark and sliding window move with the clock. */
export const LIVE_IDLE_TICK_MS = 1_000;
/**
 * A live query rests this many times as long as it works, waits for partitions not counted, for each live query that runs:
 * all together take a fifth of the thread, and one that does little is not held back by those that do much.
 */
export const LIVE_REST_FACTOR = 4;
/**
 * What a changed point costs for each subscriber, GraphQL, JSON and garbage included: an estimate. A profile of eight
 * wide live queries under full load had 39 ms of the thread for each message, whose points were not counted. With less, wide live queries take the thread and the memory of all; with more they tick slower.
 */
export const LIVE_SENT_POINT_MS = 0.01;
/** Its work is the least of so many answers: with more a pause of the thread counts less, and a growing query longer as small. */
export const LIVE_WORK_SAMPLES = 4;
/**
 * What a live query keeps of its last answer, so that the next merges only what has changed: two numbers a value, and what is around them,
 * of as many values as the largest answer has. What is past it is merged anew each time.
 */
export const LIVE_KEPT_BYTES_MAX = 32 * ANSWER_VALUES_MAX;
/**
 * Messages of a live query that are kept for subscribers that lag; it is all that they cost, whatever their number.
 * More messages bridge longer stalls without a gap (32 x 200 ms is 6.4 s) and hold more memory per query.
 */
export const LIVE_HISTORY_MESSAGES = 32;
/**
 * Of those, how many points they may hold in sum, at some 150 bytes: history shrinks for queries with large changes. A
 * thousand series of which all change bridge a dozen messages.
 */
export const LIVE_HISTORY_POINTS = 32_000;
/** Failures in a row after which a live query ends with the error. */
export const LIVE_FAILURES_MAX = 10;

/** Dead letters on one page. */
export const DEAD_LETTERS_PAGE_MAX = 200;
/**
 * Dead letters that one page looks at for those that it wants: some 100 ms of reading where they are full. A page that ends for it says where the
 * next one goes on.
 */
export const LETTERS_LOOKED_AT_MAX = 20_000;
/**
 * Dead letters that are looked at to count some for one answer, and one more for each partition: as many as are kept by default, half a
 * second of reading.
 */
export const LETTERS_COUNTED_MAX = 100_000;
/** Answers that count letters at the same time, of all and of one tenant; past those that wait, `query_overload`. */
export const LETTER_COUNTERS = { runningMax: 2, runningMaxEach: 1, waitingMax: 16 };
/** Kinds of dead letters (stream and code) that one answer tells of; the rest are few letters each. */
export const LETTER_COUNTS_MAX = 1_000;
/** Dead letters sent again by one call: a page of them. Their texts together are bounded by the request's body. */
export const LETTERS_SENT_MAX = DEAD_LETTERS_PAGE_MAX;
/** Exports of dead letters at once. Each holds a page of 1 MiB for as long as its reader takes. */
export const LETTER_EXPORTS_MAX = 8;
export const LETTER_EXPORTS_PER_TENANT_MAX = 2;
/** Calls that send dead letters again; those of a tenant wait for each other. Each holds a page of letters, and takes some 50 ms. */
export const LETTER_SENDERS_MAX = 32;
export const LETTER_SENDERS_PER_TENANT_MAX = 4;
/** Between test events of a tenant. As often as a hand presses a button: they are no way to send events. */
export const TEST_EVENT_EVERY_MS = 1_000;

/** Alarms, changes or deliveries on one page. */
export const ALARMS_PAGE_MAX = 500;
/** Subscriptions to alarms. Each is called at every commit that changes an alarm of its tenant. */
export const ALARM_SUBSCRIBERS_MAX = 1_000;
export const ALARM_SUBSCRIBERS_PER_TENANT_MAX = 200;
/**
 * Changes that wait for one subscriber, about 500 bytes each, shared by all who wait for them. More bridge longer stalls
 * of a reader without a gap; an outage that changes more alarms at once than this is told as a snapshot.
 */
export const ALARM_CHANGES_WAITING_MAX = 2_000;

/** A partition that is so many steps ahead of the slowest is not asked: its rows wait in the store, not here. */
export const STEPS_AHEAD_MAX = 256;
/** Steps that are read from the store at once: fewer after a read that brought much, more after one that brought little. */
export const SPAN_STEPS = { min: 16, first: 256, max: 65_536 };
export const SPAN_BYTES_MAX = 1024 * 1024;
/** Ticks that wait for a board that does not ask: what is older is not judged. Ten minutes, the longest window. */
export const SERVER_TICKS_WAITING_MAX = 60;

/** How long it is believed that the archive has, or has not, events of before a rollup. A look reads the list of all its files. */
export const HISTORY_KEPT_MS = 60_000;
export const HISTORIES_KEPT_MAX = 1_000;
/** How long a question that a rollup can answer waits to hear whether the archive knows more. */
export const HISTORY_WAIT_MS = 200;

/** How late it may be learnt since when a rollup counts, and by a node, that the leader has declared others. A look is two rows. */
export const ROLLUPS_LOOK_MS = 1_000;

/** Of a tenant, as they are told: senders choose their names, and nobody reads more. */
export const STREAMS_MAX = 1_000;
/** Whoever waits for streams has the ledger of the last two hours read so often, while events come. */
export const STREAMS_EVERY_MS = 1_000;
/** First pages that wait for an event: each reads for itself. */
export const STREAM_SUBSCRIBERS_MAX = 100;
export const STREAM_SUBSCRIBERS_PER_TENANT_MAX = 25;

/** How often the server looks at its own health while somebody watches: a question to each thread. */
export const HEALTH_EVERY_MS = 1_000;
/** A message is some 300 bytes an actor. */
export const HEALTH_SUBSCRIBERS_MAX = 200;
