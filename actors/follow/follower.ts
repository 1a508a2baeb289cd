/**
 * One reader of the log's end: judges the blocks of its stream, and tells as many events a second as it wants and takes. Of
 * more it tells some, picked evenly, and how many others there were.
 */
import type { Block } from '../../src/model/block.ts';
import { eventsAt, type ReadEvent } from './events-at.ts';
import { BURST_SECONDS, MESSAGE_BYTES_MAX, MESSAGES_MAX, SKIPPED_TOLD_MS } from './limits.ts';
import { type BlockRows, type Predicate, predicateOf } from './predicate.ts';
import type { FollowedEvents, FollowQuestion } from './questions.ts';

export interface FollowerTools {
  /** In `[0, 1)`. */
  readonly random: () => number;
  readonly tell: (message: FollowedEvents) => void;
}

interface Picked extends ReadEvent {
  /** Its place among those that were asked for. */
  readonly nth: number;
}

export class Follower {
  readonly #question: FollowQuestion;
  readonly #predicate: Predicate;
  readonly #tools: FollowerTools;
  /** What may be told now; of a fraction the rest comes later. */
  #allowed: number;
  #refilledMs: number;
  #toldMs: number;
  #messagesLeft = MESSAGES_MAX;
  /** Since the last message, and whether that is all. */
  #found = 0;
  #isLost = false;
  #picked: Picked[] = [];
  #pickedBytes = 0;
  /** No message may be longer. */
  #isFull = false;

  /** Throws `query_invalid` if the condition says nothing. */
  constructor(question: FollowQuestion, tools: FollowerTools, nowMs: number) {
    this.#question = question;
    this.#predicate = predicateOf(question.where, question.contains);
    this.#tools = tools;
    this.#allowed = question.maxPerSecond;
    this.#refilledMs = nowMs;
    this.#toldMs = nowMs;
  }

  wants({ tenant, stream }: Block): boolean {
    return stream === this.#question.stream && tenant === this.#question.tenant;
  }

  /** Blocks come in the order of the log. `offset` is the block's place in it. */
  look(rows: BlockRows, offset: number): void {
    const mask = this.#predicate(rows);
    // Those of this block, as long as no later one takes their place; a place that is not here is a new one.
    const own = new Map<number, { readonly nth: number; readonly row: number }>();
    let count = this.#picked.length;
    for (let row = 0; row < mask.length; row++) {
      if (mask[row] !== 1) continue;
      const nth = this.#found++;
      const place = this.#placeOf(nth, count);
      if (place === undefined) continue;
      own.set(place, { nth, row });
      count = Math.max(count, place + 1);
    }
    const picks = [...own];
    const rowsPicked = picks.map(([, { row }]) => row);
    const read = rowsPicked.length === 0 ? [] : eventsAt(rows, rowsPicked, offset);
    for (const [i, [place, { nth }]] of picks.entries()) {
      const event = read[i];
      if (event !== undefined) this.#pick(place, { ...event, nth });
    }
  }

  /** The log was deleted before it could be read. */
  lose(): void {
    this.#isLost = true;
  }

  /** A message was taken. */
  taken(): void {
    this.#messagesLeft = Math.min(MESSAGES_MAX, this.#messagesLeft + 1);
  }

  /** Tells what there is to tell. To be called now and then, whether blocks have come or not. */
  flush(nowMs: number): void {
    const { maxPerSecond } = this.#question;
    const events = this.#picked.sort((a, b) => a.nth - b.nth).map(({ event }) => event);
    const skipped = this.#found - events.length;
    const isWorthTelling =
      events.length > 0 ||
      ((skipped > 0 || this.#isLost) && nowMs - this.#toldMs >= SKIPPED_TOLD_MS);
    if (isWorthTelling && this.#messagesLeft > 0) {
      this.#tools.tell({ events, skipped: this.#isLost ? undefined : skipped });
      this.#messagesLeft -= 1;
      this.#toldMs = nowMs;
      this.#allowed -= events.length;
      this.#found = 0;
      this.#isLost = false;
      this.#picked = [];
      this.#pickedBytes = 0;
      this.#isFull = false;
    }
    const earned = (Math.max(0, nowMs - this.#refilledMs) / 1_000) * maxPerSecond;
    this.#allowed = Math.min(this.#allowed + earned, maxPerSecond * BURST_SECONDS);
    this.#refilledMs = nowMs;
  }

  /** Of n that were found each is picked with the same chance (Vitter's algorithm R). Undefined: this one is not. */
  #placeOf(nth: number, picked: number): number | undefined {
    const room = this.#messagesLeft === 0 ? 0 : Math.floor(this.#allowed);
    if (picked < room && !this.#isFull) return picked;
    const place = Math.floor(this.#tools.random() * (nth + 1));
    return place < Math.min(room, picked) ? place : undefined;
  }

  #pick(place: number, event: Picked): void {
    const instead = this.#picked[place];
    const bytes = this.#pickedBytes + event.bytes - (instead?.bytes ?? 0);
    if (bytes > MESSAGE_BYTES_MAX && this.#picked.length > 0) {
      this.#isFull = true;
      return;
    }
    this.#pickedBytes = bytes;
    if (instead === undefined) this.#picked.push(event);
    else this.#picked[place] = event;
  }
}
