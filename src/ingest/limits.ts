/** Bounds of the edge that nobody needs to configure, each with its reason. */

/** Rejections named in one reply; the counts are exact beyond it. A hundred show any pattern, and stay under 20 KB. */
export const REPLY_ERRORS_MAX = 100;

/**
 * Memory of request bodies that are still arriving or wait to be inflated. Larger lets more slow uploads
 * in at once; past it a request gets 503. A quarter of the loaded server's memory target.
 */
export const BODY_MEMORY_BYTES_MAX = 256 * 2 ** 20;
/** Body buffers kept for the next request, so that a usual body never touches the allocator. */
export const BODY_POOL_BYTES_MAX = 16 * 2 ** 20;

/**
 * Bodies that inflate at once, per edge. They use libuv's four threads, which the log's writes and syncs
 * need too: two leave it half of them. Each may hold one inflated body.
 */
export const INFLATIONS_MAX = 2;
/** zstd's own recommended ceiling: a frame may not demand a larger window than 8 MiB. */
export const ZSTD_WINDOW_LOG_MAX = 23;

/**
 * Larger JSON arrays and msgpack bodies are refused: before their first event is decoded all of their bytes are looked
 * at, and each piece copies what is left. 8 MiB are some 10 ms of that. NDJSON has no such bound.
 */
export const DOCUMENT_BYTES_MAX = 8 * 2 ** 20;

/**
 * Rows that an open batch gathers before it is sealed without waiting for the log to be free. Packing this many takes
 * about 3 ms; more would make blocks a little smaller per event and that pause longer.
 */
export const BATCH_ROWS_MAX = 16_384;
/**
 * Rows that a block should have: a small one costs its readers nearly as much as a large one. While the last round had
 * at least `LINGER_ROWS_MIN`, the next one lingers until each partition can have this many, all who sent the last rows have sent
 * again, `LINGER_MS` are over since the last one began, or nothing has come between two looks.
 * Larger makes fewer blocks and adds to the latency of a loaded server; one with little to do never waits.
 * Found with load-tests/bench.ts: at 12 partitions lingering doubles the rate.
 */
export const BLOCK_ROWS_WANTED = 256;
export const LINGER_ROWS_MIN = 128;
export const LINGER_MS = 10;
export const LINGER_LOOK_MS = 1;
/**
 * Streams with an open batch at once. Each keeps its buffers and dictionaries between rounds, up to about 16 MiB;
 * the longest unused goes when another stream comes.
 */
export const OPEN_BATCHES_MAX = 32;
/** Bytes of refused lines with their reasons, kept per stream and round: a flood of garbage is counted, not stored. */
export const DEAD_LETTER_BYTES_MAX = 2 ** 20;

/**
 * A sender whose clock differs from ours by no more than this is taken to be right, and its request to have been on its way: a slow phone takes
 * seconds to connect. Smaller moves events of right clocks by what the network takes.
 */
export const CLOCK_TOLERANCE_MS = 5_000;

/** `ack=applied` waits this long, then answers `"applied":false`. Longer holds a connection and its memory. */
export const APPLIED_TIMEOUT_MS = 10_000;
/** Requests that may wait for `ack=applied` at once, per edge. */
export const APPLIED_WAITS_MAX = 1_024;

/**
 * One WebSocket frame. The socket library buffers an unfinished frame up to this, so it times the number
 * of sockets is what slow senders can cost.
 */
export const FRAME_BYTES_MAX = 2 ** 20;
/** Frames and bytes that a socket may have unanswered: enough to hide 100 ms of latency at 10 MB/s. */
export const FRAME_CREDIT = 64;
export const BYTE_CREDIT = 4 * FRAME_BYTES_MAX;
/** Answers that a socket has not read; past it the socket is closed. 64 answers of full error lists. */
export const SOCKET_BACKLOG_BYTES_MAX = 2 ** 20;
/** A silent socket is pinged, and closed when that long nothing came back. In seconds. */
export const SOCKET_IDLE_S = 120;

/**
 * A request that is refused before its body has arrived keeps its connection if no more than this is still to
 * come, which the server then skips; past it the connection is closed.
 */
export const SKIPPED_BODY_BYTES_MAX = 8 * 2 ** 20;
/** How often bodies that arrive slowly are looked at. */
export const SLOW_BODY_SWEEP_MS = 1_000;
/** Requests in progress when the server stops get this long. */
export const DRAIN_MS = 5_000;
/** How often the certificate files are looked at. */
export const CERTIFICATE_CHECK_MS = 10_000;
/** Refused requests logged per second; the rest is only counted. */
export const REFUSALS_LOGGED_PER_SECOND = 10;

/**
 * Bytes of the pixel's requests that are answered and not in the log yet, per edge: past it they are answered and lost. Some
 * 20,000 requests, a second or two of what one edge can take.
 */
export const HIT_BYTES_MAX = 16 * 2 ** 20;
/**
 * How long requests of the pixel wait for others, to go into the log together: nobody waits for them. Smaller loses less with a
 * crash; larger makes larger blocks, of which each costs its readers nearly as much as a small one (load-tests/pixel-bench.ts).
 */
export const HIT_LINGER_MS = 50;
/** Requests of the pixel that are made into events at a time: a few milliseconds of work, one round through the log. */
export const HITS_AT_ONCE_MAX = 512;
/** What is looked at of a header that says who asks: longer ones are cut. */
export const AGENT_LENGTH_MAX = 512;
export const PAGE_LENGTH_MAX = 2_048;
export const LANGUAGES_LENGTH_MAX = 64;
/** How long an answer to who visits is waited for. Without it events are taken as they are. */
export const VISIT_TIMEOUT_MS = 1_000;
