/** How far a bulk of events is: rate and time left while it goes on, what was refused, and what became of all at the end. */
import { type ProgressLine, progressLine } from '../progress-line.ts';
import { grouped, printable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import type { Outcome } from './post-batch.ts';

/** Lines that are named; the count is exact. */
const NAMED_MAX = 20;

export class BulkProgress {
  accepted = 0;
  refused = 0;
  answers = 0;
  /** Refused, or not understood, with their places. */
  readonly named: { readonly place: string; readonly reason: string }[] = [];
  /** Of the newest answer that had one. */
  position: string | undefined;
  readonly #startedMs = performance.now();
  readonly #terminal: Terminal;
  readonly #line: ProgressLine;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#line = progressLine(terminal);
  }

  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1_000;
  }

  /** `place` names a line of the batch. */
  settle(outcome: Outcome, place: (line: number) => string): void {
    this.answers++;
    this.accepted += outcome.accepted;
    this.refused += outcome.rejected;
    this.position = outcome.position ?? this.position;
    for (const { line, code, message } of outcome.errors) this.name(place(line), message, code);
  }

  name(place: string, message: string, code?: string): void {
    if (this.named.length >= NAMED_MAX) return;
    const reason = printable(code === undefined ? message : `${code}: ${message}`);
    this.named.push({ place, reason });
    this.say(`${place}: ${reason}`);
  }

  say(text: string): void {
    this.#line.end();
    this.#terminal.err(`${text}\n`);
  }

  /** `share` of the whole that is read; undefined if that is not known. */
  show(doing: string, events: number, share: number | undefined): void {
    this.#line.tell(() => {
      const { seconds } = this;
      const parts = [`${grouped(events)} events`, `${grouped(events / seconds)}/s`];
      if (share !== undefined && share > 0) {
        const leftS = (seconds / share) * (1 - share);
        parts.push(`${(100 * share).toFixed(0)} %`, `${clock(leftS)} left`);
      }
      return `${doing}: ${parts.join(', ')}`;
    });
  }

  wait = (reason: string | undefined): void => {
    this.say(reason === undefined ? 'going on' : `waiting: ${reason}`);
  };

  end(): void {
    this.#line.end();
  }
}

const clock = (seconds: number): string => {
  const whole = Math.ceil(seconds);
  const two = (part: number) => `${part}`.padStart(2, '0');
  return `${Math.floor(whole / 3_600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
};
