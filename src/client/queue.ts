/** What waits to be answered, oldest first, within its bounds. */
import type { QueuedEvent } from './platform.ts';

export interface QueueBounds {
  readonly eventsMax: number;
  readonly bytesMax: number;
}

export class Queue {
  readonly #bounds: QueueBounds;
  #events: QueuedEvent[] = [];
  #bytes = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  get length(): number {
    return this.#events.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): QueuedEvent | undefined {
    return this.#events[0];
  }

  get newest(): QueuedEvent | undefined {
    return this.#events.at(-1);
  }

  hasRoomFor(bytes: number): boolean {
    const { eventsMax, bytesMax } = this.#bounds;
    return this.#events.length < eventsMax && this.#bytes + bytes <= bytesMax;
  }

  /** How many more, whatever their size. */
  get room(): number {
    return Math.max(0, this.#bounds.eventsMax - this.#events.length);
  }

  add(event: QueuedEvent): void {
    this.#events.push(event);
    this.#bytes += event.bytes;
  }

  /** Takes in, at their places, those that are not here yet. Answers how many. */
  adopt(events: readonly QueuedEvent[]): number {
    const here = new Set(this.#events.map(({ place }) => place));
    const others = events.filter(({ place }) => !here.has(place));
    for (const event of others) this.add(event);
    if (others.length > 0) this.#events.sort((a, b) => (a.place < b.place ? -1 : 1));
    return others.length;
  }

  /** The oldest that fit into a request, at least one if there is any. */
  batch({ eventsMax, bytesMax }: QueueBounds): QueuedEvent[] {
    let bytes = 0;
    const end = this.#events.findIndex((event, i) => {
      // And its line end.
      bytes += event.bytes + 1;
      return i > 0 && (i >= eventsMax || bytes > bytesMax);
    });
    return this.#events.slice(0, end === -1 ? undefined : end);
  }

  remove(events: readonly QueuedEvent[]): void {
    const gone = new Set(events.map(({ place }) => place));
    this.#events = this.#events.filter(({ place }) => !gone.has(place));
    this.#bytes = this.#events.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  clear(): void {
    this.#events = [];
    this.#bytes = 0;
  }
}
