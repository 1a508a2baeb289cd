/** Brings what waits to the server: in order, one request at a time, until each event is answered. */
import { type Verdict, verdictOf } from './answer.ts';
import { waitMs } from './backoff.ts';
import type { Losses } from './losses.ts';
import type { Settings } from './options.ts';
import { startOf } from './places.ts';
import type { Platform, QueuedEvent } from './platform.ts';
import type { ProblemCode } from './problem.ts';
import { Queue } from './queue.ts';

/** How often a client that is answered looks for what others have kept and do not send any more: a tab that was closed. */
const ADOPT_MS = 60_000;
/** What waits no longer than this, its own client is still about to send. */
const ADOPT_AGE_MS = 60_000;
/**
 * What a beacon took along is sent again for so long, to be sure of it. Later its ids may have left the server's window of
 * duplicates, and it would count twice more often than it was lost.
 */
const BEACON_REPEAT_MS = 3_600_000;

/** However soon the server lets itself be asked again. */
const SILENCE_MS_MIN = 250;
/** Requests that are answered before longer ones are tried again, after one was too long. */
const ANSWERS_BEFORE_MORE = 10;

/** Above every place. */
const AFTER_ALL = '~';

export interface SenderNeeds {
  readonly platform: Platform;
  readonly settings: Settings;
  readonly losses: Losses;
  readonly report: (code: ProblemCode, message: string) => void;
  /** Something was answered: there may be room for what waited outside. */
  readonly onSettled: () => void;
}

export class Sender {
  readonly #needs: SenderNeeds;
  readonly #queue: Queue;
  /** Tracked in this turn, not yet given to the store. */
  #unkept: QueuedEvent[] = [];
  #sending: Promise<boolean> | undefined;
  /** The place up to which somebody wants everything sent, full batch or not. */
  #flushTo = '';
  #failures = 0;
  /** The server said how long: nobody's haste shortens that. */
  #silence: { readonly over: Promise<void>; readonly cancel: () => void } | undefined;
  #batchEvents: number;
  /** Since one was too long. */
  #answers = 0;
  #cancelTimer: (() => void) | undefined;
  #cancelAdoption: (() => void) | undefined;
  #isOn = false;
  #isClosed = false;

  constructor(needs: SenderNeeds) {
    this.#needs = needs;
    const { queueEventsMax, queueBytesMax, batchEventsMax } = needs.settings;
    this.#queue = new Queue({ eventsMax: queueEventsMax, bytesMax: queueBytesMax });
    this.#batchEvents = batchEventsMax;
  }

  get length(): number {
    return this.#queue.length;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#queue.hasRoomFor(bytes);
  }

  /** Begins with what earlier lives have left. */
  async start(): Promise<void> {
    this.#isOn = true;
    this.#watchStore();
    await this.#takeOver(AFTER_ALL);
  }

  /** Of an event for which there is room, or that has to be kept all the same. */
  add(event: QueuedEvent): void {
    this.#queue.add(event);
    if (this.#unkept.push(event) === 1) queueMicrotask(() => this.keep());
    const isRetrying = this.#failures > 0 && this.#cancelTimer !== undefined;
    if (this.#sending !== undefined || isRetrying) return;
    if (this.#hasFullBatch()) void this.#run();
    else this.#waitForMore();
  }

  /** Gives the store what it does not have yet. At the end of each turn, and before a page goes. */
  keep(): void {
    const events = this.#unkept;
    this.#unkept = [];
    if (events.length > 0) this.#stored((store) => store.put(events));
  }

  /** Resolves with whether all that waits now was answered. False at once while the server has asked to be left alone. */
  async flush(): Promise<boolean> {
    this.#flushTo = this.#queue.newest?.place ?? '';
    while (!this.#isSentTo(this.#flushTo)) {
      if (!(await this.#run())) return false;
    }
    return true;
  }

  /** As `flush`, and also after each time for which the server has asked to be left alone. */
  async flushPatiently(): Promise<boolean> {
    while (!(await this.flush())) {
      if (this.#silence === undefined) return false;
      await this.#silence.over;
    }
    return true;
  }

  /**
   * Lets `send` take along what has no answer yet, as much as one beacon holds. It stays here until an answer comes. What a store keeps
   * is not risked where none is likely: nobody would hear that the beacon was lost, and it is taken for delivered in the end.
   */
  beacon(send: (body: string) => boolean): void {
    const { platform } = this.#needs;
    if (platform.store !== undefined && (this.#failures > 0 || !platform.isOnline())) return;
    const batch = this.#nextBatch();
    if (!this.#isOn || batch.length === 0 || !send(bodyOf(batch))) return;
    const beaconedMs = platform.now();
    this.#stored((store) => store.put(batch.map((event) => ({ ...event, beaconedMs }))));
  }

  /** Forgets everything, here and in the store, until the next start. */
  clear(): void {
    this.#isOn = false;
    this.#cancelAdoption?.();
    this.#queue.clear();
    this.#unkept = [];
    this.#stored((store) => store.clear());
  }

  /** Sends nothing more. What waits stays in the store. */
  close(): void {
    this.keep();
    this.#isOn = false;
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#silence?.cancel();
    this.#cancelAdoption?.();
    this.#needs.platform.hangUp?.();
    this.#needs.platform.store?.close();
  }

  /** At most one at a time: false if nothing may be sent now, or an attempt failed. */
  #run(): Promise<boolean> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      this.#waitForMore();
    });
    return this.#sending;
  }

  async #sendAll(): Promise<boolean> {
    const { platform, losses, report } = this.#needs;
    do {
      const batch = this.#nextBatch();
      if (batch.length === 0) return true;
      if (!this.#isOn || this.#silence !== undefined) return false;
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      const verdict = await this.#attempt(batch);
      if (verdict.type === 'later') {
        this.#failures += 1;
        if (verdict.afterMs !== undefined) this.#leaveAlone(verdict.afterMs);
        this.#wait(waitMs(this.#failures, verdict.afterMs, platform.random()), true);
        return false;
      }
      this.#failures = 0;
      if (verdict.type === 'tooLarge') this.#sendLess(batch, verdict.reason);
      else {
        this.#sendMore();
        const { rejected, reason } = verdict;
        if (rejected > 0) {
          losses.count('refused', rejected);
          const of = `${rejected} of ${batch.length} events`;
          report('refused', `${of} were refused, and are dead letters at the server: ${reason}`);
        }
        this.#settle(batch);
      }
    } while (!this.#isSentTo(this.#flushTo) || this.#hasFullBatch());
    return true;
  }

  async #attempt(batch: readonly QueuedEvent[]): Promise<Verdict> {
    const { platform, report } = this.#needs;
    if (!platform.isOnline()) return { type: 'later', afterMs: undefined, reason: 'offline' };
    try {
      const verdict = verdictOf(await platform.post(bodyOf(batch)), batch, platform.now());
      if (verdict.type === 'later') {
        report('not_taken', `events wait, because the server said: ${verdict.reason}`);
      }
      return verdict;
    } catch (error) {
      const reason = inWords(error);
      report('unreachable', `events wait, because the server does not answer: ${reason}`);
      return { type: 'later', afterMs: undefined, reason };
    }
  }

  /** The server's bound may be lower than ours: from here on requests have half of the events. */
  #sendLess(batch: readonly QueuedEvent[], reason: string): void {
    this.#answers = 0;
    if (batch.length > 1) {
      this.#batchEvents = Math.ceil(batch.length / 2);
      return;
    }
    this.#needs.losses.count('too_large');
    this.#needs.report('too_large', `an event was given up, because the server said: ${reason}`);
    this.#settle(batch);
  }

  /** What was too long for may have been something on the way that is gone. */
  #sendMore(): void {
    this.#answers += 1;
    if (this.#answers < ANSWERS_BEFORE_MORE) return;
    this.#answers = 0;
    this.#batchEvents = Math.min(this.#needs.settings.batchEventsMax, this.#batchEvents * 2);
  }

  #settle(batch: readonly QueuedEvent[]): void {
    this.#queue.remove(batch);
    // A store that is behind must not be given it later.
    this.keep();
    this.#stored((store) => store.remove(batch.map(({ place }) => place)));
    this.#needs.onSettled();
  }

  #nextBatch(): QueuedEvent[] {
    return this.#queue.batch({
      eventsMax: this.#batchEvents,
      bytesMax: this.#needs.settings.batchBytesMax,
    });
  }

  #hasFullBatch(): boolean {
    const { length, bytes } = this.#queue;
    return length >= this.#batchEvents || bytes + length >= this.#needs.settings.batchBytesMax;
  }

  #isSentTo(place: string): boolean {
    const { oldest } = this.#queue;
    return oldest === undefined || oldest.place > place;
  }

  #waitForMore(): void {
    if (this.#queue.length > 0 && this.#cancelTimer === undefined) {
      this.#wait(this.#needs.settings.flushIntervalMs, false);
    }
  }

  #wait(ms: number, isRetry: boolean): void {
    if (!this.#isOn) return;
    this.#cancelTimer = this.#needs.platform.after(
      ms,
      () => {
        this.#cancelTimer = undefined;
        void this.flush();
      },
      isRetry,
    );
  }

  /** For as long as the server has asked; our own wait, which haste may shorten, is often longer. */
  #leaveAlone(ms: number): void {
    let cancel = () => {};
    const over = new Promise<void>((resolve) => {
      const end = () => {
        this.#silence = undefined;
        resolve();
      };
      cancel = this.#needs.platform.after(Math.max(ms, SILENCE_MS_MIN), end, true);
    });
    this.#silence = { over, cancel };
  }

  #watchStore(): void {
    const { platform } = this.#needs;
    if (platform.store === undefined) return;
    const look = () => {
      this.#watchStore();
      if (this.#failures === 0) void this.#takeOver(startOf(platform.now() - ADOPT_AGE_MS));
    };
    this.#cancelAdoption?.();
    this.#cancelAdoption = platform.after(ADOPT_MS, look, true);
  }

  /** Sends what the store has from before this place: as much at a time as leaves the same room for what is still to come. */
  async #takeOver(before: string): Promise<void> {
    let max: number;
    let adopted: number;
    do {
      max = Math.ceil(this.#queue.room / 2);
      adopted = await this.#adopt(before, max);
    } while (adopted > 0 && (await this.flush()) && adopted === max);
  }

  /** Answers how many events the store had up to `max`. */
  async #adopt(before: string, max: number): Promise<number> {
    const { platform, losses } = this.#needs;
    try {
      const kept = (await platform.store?.load(before, max)) ?? [];
      // What was given up meanwhile must not come back.
      if (!this.#isOn) return 0;
      const sureUntilMs = platform.now() - BEACON_REPEAT_MS;
      const old = kept.filter(({ beaconedMs = sureUntilMs }) => beaconedMs < sureUntilMs);
      if (old.length > 0) {
        losses.count('unconfirmed', old.length);
        this.#stored((store) => store.remove(old.map(({ place }) => place)));
      }
      return this.#queue.adopt(kept.filter((event) => !old.includes(event)));
    } catch (error) {
      this.#storeFailed(error);
      return 0;
    }
  }

  #stored(work: (store: NonNullable<Platform['store']>) => Promise<void>): void {
    const { store } = this.#needs.platform;
    // What is answered after the end is sent once more by who comes next, and dropped by its id.
    if (store === undefined || this.#isClosed) return;
    work(store).catch((error: unknown) => this.#storeFailed(error));
  }

  #storeFailed(error: unknown): void {
    this.#needs.report(
      'store_failed',
      `events that wait are kept in memory only, and are gone with it: ${error}`,
    );
  }
}

const bodyOf = (batch: readonly QueuedEvent[]): string => batch.map(({ line }) => line).join('\n');

/** With what is behind a `fetch failed` of Node.js. */
const inWords = (error: unknown): string =>
  error instanceof Error && error.cause !== undefined ? `${error}: ${error.cause}` : String(error);
