/** What became of the events of a storm, by what went wrong as they were handed over. */
import { isDoubled, isMissing, type LifeVerdict } from './judge.ts';

/** One fault, from its beginning until all that was tracked in it is answered. */
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

/** What came after the last phase counts to it, and so does what no page had the time to tell of. */
function titleAt(phases: readonly Phase[], atMs = Number.POSITIVE_INFINITY): string {
  const phase = phases.find(({ toMs }) => atMs < toMs) ?? phases.at(-1);
  return phase?.title ?? '';
}

const sum = <T>(values: readonly T[], of: (value: T) => number): number =>
  values.reduce((total, value) => total + of(value), 0);
