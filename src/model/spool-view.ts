/** The spool in front of a log that is a topic, as operators see it. */

/**
 * Why blocks go to the spool: the log refuses or is out of reach, an acknowledgement takes too long, more waits for them than may,
 * the last life of the server has left something, or at the start the log was not reached.
 */
export const SPOOL_REASONS = ['refused', 'slow', 'behind', 'left', 'unreached'] as const;
export type SpoolReason = (typeof SPOOL_REASONS)[number];

/** Of blocks. */
export interface SpoolCounts {
  readonly blocks: number;
  readonly events: number;
  readonly bytes: number;
}

export interface SpoolView {
  /** Undefined: blocks go to the log directly. */
  readonly spooling: { readonly reason: SpoolReason; readonly sinceMs: number } | undefined;
  /** What is not in the log yet lies between these offsets of the spool's journal. */
  readonly from: number;
  readonly end: number;
  readonly bytesMax: number;
  /** Not in the log yet. */
  readonly waiting: SpoolCounts;
  /** Since the start of the server, as all that follow. */
  readonly spooled: SpoolCounts;
  readonly drained: SpoolCounts;
  /** How often blocks began to go to the spool. */
  readonly switches: number;
  /** Of the spool, what was damaged on the disk and never came into the log. */
  readonly lostBytes: number;
}

const BECAUSE: Readonly<Record<SpoolReason, string>> = {
  refused: 'the brokers refuse them or are out of reach',
  slow: 'the brokers do not answer in time',
  behind: 'the brokers are behind',
  left: 'the last start has left some there',
  unreached: 'the brokers were out of reach at the start',
};

/** Undefined: nothing is spooled. */
export function spoolingInWords(view: SpoolView | undefined): string | undefined {
  if (view?.spooling === undefined) return undefined;
  const { spooling, waiting } = view;
  const since = new Date(spooling.sinceMs).toISOString();
  return (
    `since ${since} events go to the spool on the local disk, because ${BECAUSE[spooling.reason]}: ` +
    `${waiting.events} of them (${waiting.bytes} bytes) are not in the log yet`
  );
}
