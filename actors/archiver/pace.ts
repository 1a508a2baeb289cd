/**
 * Whether archiving gives way to those who send. Nothing obliges it to keep up at once: while the log takes less beside cuts than without
 * them, and is far from its bounds, cuts are made one by one, with a rest after each. Else they follow each other.
 */
import type { Clock } from '../../src/model/clock.ts';

export interface PaceReading {
  /** What the log takes while cuts are made, in bytes per millisecond; undefined: not known yet. */
  readonly besideRate: number | undefined;
  /** And while none are. */
  readonly withoutRate: number | undefined;
  /** Log that is not archived. */
  readonly waitingBytes: number;
  /** That the log may still grow by. */
  readonly roomBytes: number;
  /** For how long the oldest of it has waited, at most. */
  readonly waitedMs: number;
  /** How long it may wait. */
  readonly waitedMsMax: number;
}

/**
 * Ingest is slowed if the log takes less than this part of what it takes without cuts. Rates of one load differ by some percent from one moment
 * to the next; full speed falls to four fifths beside cuts that follow each other, half of it does not fall.
 */
const SLOWED_SHARE = 0.92;
/** Bytes per millisecond, below which there is nobody to give way to: some 15,000 events a second, or heartbeats alone. */
const CARED_RATE_MIN = 1_000;
/** What waits is far from its bounds below this part of what the log can hold, and of how long it may wait. */
const LOG_SHARE_MAX = 0.25;
const WAITED_SHARE_MAX = 0.5;
/** A rest is so many times as long as the cut before it: more keeps more of ingest, and archives less. */
const REST_SHARE = 1;
/** A rest is at least so long, and a rate is taken over as much: what the log takes comes in rounds, and commits of a second. */
const RATE_MS_MIN = 2_000;
/** In a long rest the rate is of the newest such time. */
const RATE_MS_MAX = 10_000;

/** Pure. */
export function givesWay(reading: PaceReading): boolean {
  const { besideRate, withoutRate, waitingBytes, roomBytes, waitedMs, waitedMsMax } = reading;
  if (besideRate === undefined || withoutRate === undefined) return false;
  const isSlowed = withoutRate >= CARED_RATE_MIN && besideRate < withoutRate * SLOWED_SHARE;
  const isFar =
    waitingBytes < (waitingBytes + roomBytes) * LOG_SHARE_MAX &&
    waitedMs < waitedMsMax * WAITED_SHARE_MAX;
  return isSlowed && isFar;
}

export interface PaceOptions {
  readonly clock: Clock;
  /** Ends of the log as of now, in any order that stays. */
  readonly logEnds: () => readonly number[];
  /** See `ArchiverOptions`. */
  readonly logBytes: (distances: Iterable<number>) => number;
}

interface Mark {
  readonly ms: number;
  readonly ends: readonly number[];
}

/** Rates of the log beside cuts and without them, and the rest after cuts. */
export class Pace {
  readonly #options: PaceOptions;
  #isCutting = false;
  /** Since when the rate at hand is taken. */
  #since: Mark;
  #besideRate: number | undefined;
  #withoutRate: number | undefined;
  #restedMs = 0;
  #restUntilMs = 0;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#since = this.#mark();
  }

  get rates(): Pick<PaceReading, 'besideRate' | 'withoutRate'> {
    return { besideRate: this.#besideRate, withoutRate: this.#withoutRate };
  }

  /** Whether enough is known to let cuts follow each other: what the log takes without them, or that it takes next to nothing. */
  get isKnown(): boolean {
    return this.#withoutRate !== undefined || this.#comesLittle();
  }

  /** Called now and then: rates are taken up to now. */
  look(): void {
    const now = this.#mark();
    const tookMs = now.ms - this.#since.ms;
    if (tookMs < RATE_MS_MIN) return;
    const bytes = this.#options.logBytes(
      now.ends.map((end, i) => end - (this.#since.ends[i] ?? end)),
    );
    if (this.#isCutting) this.#besideRate = bytes / tookMs;
    else this.#withoutRate = bytes / tookMs;
    if (!this.#isCutting && tookMs >= RATE_MS_MAX) this.#since = now;
  }

  beginCuts(): void {
    this.look();
    this.#isCutting = true;
    this.#since = this.#mark();
  }

  endCuts(): void {
    this.look();
    const nowMs = this.#options.clock.now();
    const tookMs = nowMs - this.#since.ms;
    this.#isCutting = false;
    this.#since = this.#mark();
    this.#restedMs = this.#comesLittle() ? nowMs : nowMs + RATE_MS_MIN;
    this.#restUntilMs = Math.max(this.#restedMs, nowMs + tookMs * REST_SHARE);
  }

  /** Also who does not give way rests for a moment, or nobody would know what the log takes without cuts. */
  isResting(hasToGiveWay: boolean): boolean {
    return this.#options.clock.now() < (hasToGiveWay ? this.#restUntilMs : this.#restedMs);
  }

  #comesLittle(): boolean {
    return this.#besideRate !== undefined && this.#besideRate < CARED_RATE_MIN;
  }

  #mark(): Mark {
    return { ms: this.#options.clock.now(), ends: [...this.#options.logEnds()] };
  }
}
