/**
 * What the edge counts, as plain numbers: the main thread asks for a snapshot, adds the edges up and names the
 * metrics. Everything only grows, except what is marked as a level.
 */
import type { RejectionCode } from '../model/errors.ts';
import type { DecodeOutcome } from './decode/outcome.ts';

/** Upper bounds of the append histogram, in milliseconds; one more bucket holds what is above. */
export const APPEND_MS_BOUNDS = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024] as const;

export interface EdgeCounts {
  /** HTTP status -> replies. */
  readonly replies: Readonly<Record<number, number>>;
  /** Code -> whole requests and frames refused. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly eventsAccepted: number;
  /** Code -> events refused. */
  readonly eventsRejected: Readonly<Record<string, number>>;
  /** Events whose time was corrected by their sender's clock, and whose time became that of their arrival. */
  readonly eventsTimeCorrected: number;
  readonly eventsTimeClamped: number;
  /** Bytes of bodies and frames as they came in, and what compressed ones became. */
  readonly bodyBytes: number;
  readonly inflatedBytes: number;
  readonly frames: number;
  /** Requests of the pixel that were answered as if they counted, and, by reason, those of them that do not. */
  readonly pixelHits: number;
  readonly pixelHitsLost: Readonly<Record<string, number>>;
  /** Requests of pages whose events were taken without fields of the visit. */
  readonly visitsUnknown: number;
  readonly blocks: number;
  readonly blockBytes: number;
  readonly appends: number;
  readonly appendsFailed: number;
  readonly appendMsSum: number;
  /** Per bound of `APPEND_MS_BOUNDS`, and above: appends that took that long. Not cumulative. */
  readonly appendMsBuckets: readonly number[];
  /** Levels. */
  readonly connections: number;
  readonly webSockets: number;
  readonly requestsInProgress: number;
  readonly bodyMemoryBytes: number;
}

export class Counters {
  readonly replies: Record<number, number> = {};
  readonly refusals: Record<string, number> = {};
  eventsAccepted = 0;
  readonly eventsRejected: Record<string, number> = {};
  eventsTimeCorrected = 0;
  eventsTimeClamped = 0;
  bodyBytes = 0;
  inflatedBytes = 0;
  frames = 0;
  pixelHits = 0;
  readonly pixelHitsLost: Record<string, number> = {};
  visitsUnknown = 0;
  blocks = 0;
  blockBytes = 0;
  appends = 0;
  appendsFailed = 0;
  appendMsSum = 0;
  readonly appendMsBuckets: number[] = new Array(APPEND_MS_BOUNDS.length + 1).fill(0);
  connections = 0;
  webSockets = 0;
  requestsInProgress = 0;
  bodyMemoryBytes = 0;

  replied(status: number): void {
    this.replies[status] = (this.replies[status] ?? 0) + 1;
  }

  refused(code: string): void {
    this.refusals[code] = (this.refusals[code] ?? 0) + 1;
  }

  hitsLost(reason: string, hits: number): void {
    this.pixelHitsLost[reason] = (this.pixelHitsLost[reason] ?? 0) + hits;
  }

  /** Rejections past the ones that the decoder keeps count as `other`. */
  decoded({ accepted, rejected, rejections }: DecodeOutcome): void {
    this.eventsAccepted += accepted;
    if (rejected === 0) return;
    for (const { code } of rejections) this.#rejectedAs(code, 1);
    if (rejected > rejections.length) this.#rejectedAs('other', rejected - rejections.length);
  }

  appended(ms: number): void {
    this.appends += 1;
    this.appendMsSum += ms;
    let bucket = 0;
    while (bucket < APPEND_MS_BOUNDS.length && ms > (APPEND_MS_BOUNDS[bucket] as number)) bucket++;
    this.appendMsBuckets[bucket] = (this.appendMsBuckets[bucket] as number) + 1;
  }

  snapshot(): EdgeCounts {
    return structuredClone({ ...this });
  }

  #rejectedAs(code: RejectionCode | 'other', events: number): void {
    this.eventsRejected[code] = (this.eventsRejected[code] ?? 0) + events;
  }
}
