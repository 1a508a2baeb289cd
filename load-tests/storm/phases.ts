/** The phases of a storm, and what became of the events that were handed over in them. */
import type { Server } from '../server.ts';
import { STREAM } from './answers.ts';
import { isDoubled, isMissing, type LifeVerdict } from './judge.ts';

/** From the end of the one before until all that was tracked meanwhile is answered. */
export interface Phase {
  readonly title: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Events that came more than once, and were dropped. */
  readonly sentAgain: number;
}

/** Of all phases of one title. */
export interface PhaseCounts {
  readonly title: string;
  readonly times: number;
  readonly seconds: number;
  readonly tracked: number;
  readonly givenUp: number;
  readonly stored: number;
  readonly missing: number;
  readonly doubled: number;
  readonly sentAgain: number;
}

/** Notes phases as they end, one after the other. */
export class PhaseLog {
  readonly phases: Phase[] = [];
  readonly #server: Server;
  readonly #onPhase: ((phase: Phase) => void) | undefined;
  #fromMs: number;
  #duplicates = 0;

  constructor(server: Server, startedAtMs: number, onPhase?: (phase: Phase) => void) {
    this.#server = server;
    this.#fromMs = startedAtMs;
    this.#onPhase = onPhase;
  }

  async end(title: string): Promise<void> {
    const { duplicate } = await this.#server.caughtUp(STREAM);
    const toMs = Date.now();
    const phase = { title, fromMs: this.#fromMs, toMs, sentAgain: duplicate - this.#duplicates };
    this.#fromMs = toMs;
    this.#duplicates = duplicate;
    this.phases.push(phase);
    this.#onPhase?.(phase);
  }
}

/** One number of a life, and the phase in which it was handed over. */
interface Event {
  readonly verdict: LifeVerdict;
  readonly n: number;
  readonly title: string;
}

export function countsByTitle(
  phases: readonly Phase[],
  verdicts: readonly LifeVerdict[],
): PhaseCounts[] {
  const events: Event[] = verdicts.flatMap((verdict) =>
    verdict.counts.map((_, i) => ({
      ...{ verdict, n: i + 1 },
      title: titleAt(phases, verdict.life.handedAtMs[i]),
    })),
  );
  const eventsOf = Map.groupBy(events, ({ title }) => title);
  return [...Map.groupBy(phases, ({ title }) => title)].map(([title, ofTitle]) => ({
    title,
    times: ofTitle.length,
    seconds: sum(ofTitle, ({ fromMs, toMs }) => (toMs - fromMs) / 1_000),
    ...countsOf(eventsOf.get(title) ?? []),
    sentAgain: sum(ofTitle, ({ sentAgain }) => sentAgain),
  }));
}

const countsOf = (events: readonly Event[]) => ({
  tracked: events.length,
  givenUp: sum(events, ({ verdict, n }) => Number(verdict.life.givenUp.has(n))),
  stored: sum(events, ({ verdict, n }) => verdict.counts[n - 1] as number),
  missing: sum(events, ({ verdict, n }) => Number(isMissing(verdict, n))),
  doubled: sum(events, ({ verdict, n }) => Number(isDoubled(verdict, n))),
});

/** What no page had the time to tell of counts to the last phase. */
function titleAt(phases: readonly Phase[], atMs = Number.POSITIVE_INFINITY): string {
  const phase = phases.find(({ toMs }) => atMs < toMs) ?? phases.at(-1);
  return phase?.title ?? '';
}

const sum = <T>(values: readonly T[], of: (value: T) => number): number =>
  values.reduce((total, value) => total + of(value), 0);
