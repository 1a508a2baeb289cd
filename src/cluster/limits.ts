/** Every bound of the node channel, with the reason for its value. */

/** How often a node tells the others how far its partitions are: who waits for a partition of another node waits so much longer. */
export const PROGRESS_INTERVAL_MS = 200;

/** A node that has told nothing for so long is away: ten times what a healthy one takes, and as long as a query waits for a partition. */
export const SILENCE_MS_MAX = 2_000;

/** A node that could not be reached is tried again so soon: it may just be starting. */
export const RECONNECT_MS = 250;

/** Nodes stand in one data centre; a connection that takes longer is to one that hangs. */
export const CONNECT_MS_MAX = 1_500;

/** The longest that a node thinks about a question. Whoever asks waits less. */
export const ANSWER_MS_MAX = 10_000;

/** How long a node has patience with another one. */
export interface NodePatience {
  readonly silenceMs: number;
  readonly connectMs: number;
  readonly answerMs: number;
}

export const NODE_PATIENCE: NodePatience = {
  silenceMs: SILENCE_MS_MAX,
  connectMs: CONNECT_MS_MAX,
  answerMs: ANSWER_MS_MAX,
};

/** Questions of one request and their bytes. Followers of alarm rules ask the longest: some 200 bytes a rule and partition. */
export const ASKED_BYTES_MAX = 16 * 2 ** 20;
export const ASKED_TOGETHER_MAX = 1_024;

/** One answer, or one piece of rows. What a partition has in memory of a rollup for one range is far below. */
export const FRAME_BYTES_MAX = 128 * 2 ** 20;

/** Ranges of one request for rows: chunks of a query's partitions, tiers and column groups. More are asked for in turn. */
export const RANGES_MAX = 4_096;

/** Requests that a node answers to the others at the same time. Each of them runs few queries at a time, and asks once for each. */
export const ASKS_MAX = 256;
export const ROW_READS_MAX = 256;
export const STREAMS_MAX = 64;

/** Of one node to one other: what is above would wait for it anyway. */
export const CONNECTIONS_MAX = 128;

/** Rows are sent in pieces of at least so many bytes: fewer make more packets, more let the asker wait for the first. */
export const PIECE_BYTES = 128 * 2 ** 10;

/** Ranges that are read from RocksDB at the same time for one request. Reads overlap, and each may hold a page of 1 MiB. */
export const RANGES_AHEAD = 8;

/**
 * A node without a sign of life for so long is given up, and its partitions go to others. The least that brokers allow by default
 * (`group.min.session.timeout.ms`): what is computed twice for a moment harms nobody, so there is nothing to be cautious about.
 */
export const NODE_SESSION_MS = 6_000;

/** Signs of life. Also how late a node learns that partitions are shared out anew; some may be lost before its session ends. */
export const NODE_HEARTBEAT_MS = 1_000;

/** How long the others wait for a node when partitions are shared out anew. With a heartbeat it is less than a session: who waits stays a member. */
export const NODE_REBALANCE_MS = 4_000;

/** A coordinator that has not answered by then hangs, and is looked for anew: twice within a session. */
export const COORDINATOR_MS_MAX = 2_000;

/** Beyond the session: a node of the same name that is still there by then runs, and has not just died. */
export const NAME_PATIENCE_MS = NODE_SESSION_MS + 3_000;

/** Between looks whether it is gone. */
export const NAME_LOOK_MS = 500;

/** Waits between attempts to get into the cluster. Doubles in between. */
export const JOIN_RETRY_MS_MIN = 200;
export const JOIN_RETRY_MS_MAX = 3_000;

/**
 * Nodes of a cluster. What each knows of all others, and what each is told of all partitions, is one record of the brokers, which
 * may have 1 MiB: with 32 nodes and 1,024 partitions it has less than half of that.
 */
export const NODES_MAX = 32;

/** What one node tells of itself, and what it is told, inflated. */
export const MEMBER_DATA_BYTES_MAX = 1 * 2 ** 20;

/** Between attempts to lead: one that fails has asked the archive for much. Two that both think they are to lead take turns no faster. */
export const RETAKE_MS = 1_000;

/** A board that ends writes its last words to the archive. Longer, and one that hangs holds up who leads next on this node. */
export const END_GRACE_MS = 3_000;
