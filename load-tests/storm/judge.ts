/** Holds what is stored against what pages have told. Differences are sentences; none means that each event is there once. */
import type { Ledger } from '../server.ts';
import type { Life } from './told.ts';

/** An event of the storm as the server has it. */
export interface Stored {
  readonly life: string;
  readonly n: number;
  readonly ts: number;
  /** By the machine's clock, whatever the page was shown. */
  readonly trueMs: number;
}

/** What may be said of the times of a tab's events. */
export interface Times {
  /** The differences from the right time that the docs allow, each to within `TIME_SLACK_MS`. */
  readonly aheadMs: readonly number[];
}

/** Wrong clocks are wrong by an hour; a machine that is slow is not wrong by this. */
const TIME_SLACK_MS = 10 * 60_000;
/** Numbers that a sentence names. */
const NAMED_MAX = 10;

export interface LifeVerdict {
  readonly life: Life;
  /** How often each number is stored, the first at 0. Longer than what was told if the page went before its last word came. */
  readonly counts: readonly number[];
}

/** What the server answers, each part from another of its stores. */
export interface Answers {
  readonly stored: readonly Stored[];
  /** What clients say they have given up, by reason. */
  readonly losses: Readonly<Record<string, number>>;
  /** How many of the stored events tell of losses. */
  readonly lossEvents: number;
  /** Events by tab, as the rollup counts them; those of losses have none. */
  readonly byTab: ReadonlyMap<string, number>;
  readonly ledger: Ledger;
}

export function stormDifferences(
  lives: readonly Life[],
  answers: Answers,
  timesOf: (tab: string) => Times,
): string[] {
  const { verdicts, strangers } = tally(lives, answers.stored);
  return [
    ...verdicts.flatMap(lifeDifferences),
    ...(strangers === 0 ? [] : [`${strangers} events are stored of which no page has told`]),
    ...timeDifferences(lives, answers.stored, timesOf),
    ...lossDifferences(lives, answers.losses),
    ...rollupDifferences(lives, answers),
    ...ledgerDifferences(answers),
  ];
}

/** Of each life, how often each of its numbers is stored. Those that nobody has told of are in `strangers`. */
export function tally(
  lives: readonly Life[],
  stored: readonly Stored[],
): { readonly verdicts: readonly LifeVerdict[]; readonly strangers: number } {
  const byLife = new Map(
    lives.map((life) => [
      life.life,
      { life, counts: new Array<number>(life.handedAtMs.length).fill(0) },
    ]),
  );
  let strangers = 0;
  for (const { life, n } of stored) {
    const counts = byLife.get(life)?.counts;
    if (counts === undefined) strangers += 1;
    else {
      while (counts.length < n) counts.push(0);
      counts[n - 1] = (counts[n - 1] as number) + 1;
    }
  }
  return { verdicts: [...byLife.values()], strangers };
}

/** One number of a life: it has to be stored once, or not at all if `track` has said so. */
export const isMissing = ({ life, counts }: LifeVerdict, n: number): boolean =>
  counts[n - 1] === 0 && !life.givenUp.has(n);
export const isDoubled = ({ counts }: LifeVerdict, n: number): boolean =>
  (counts[n - 1] as number) > 1;

function lifeDifferences(verdict: LifeVerdict): string[] {
  const { life, counts } = verdict;
  const numbers = counts.map((_, i) => i + 1);
  return [
    ...named(
      life,
      'missing',
      numbers.filter((n) => isMissing(verdict, n)),
    ),
    ...named(
      life,
      'stored more than once',
      numbers.filter((n) => isDoubled(verdict, n)),
    ),
    ...named(
      life,
      'stored, although given up',
      numbers.filter((n) => life.givenUp.has(n) && (counts[n - 1] as number) > 0),
    ),
  ];
}

function timeDifferences(
  lives: readonly Life[],
  stored: readonly Stored[],
  timesOf: (tab: string) => Times,
): string[] {
  const tabs = new Map(lives.map(({ life, tab }) => [life, tab]));
  const found = new Map<string, number>();
  for (const { life, ts, trueMs } of stored) {
    const tab = tabs.get(life);
    if (tab === undefined) continue;
    const { aheadMs } = timesOf(tab);
    if (aheadMs.some((ahead) => Math.abs(ts - trueMs - ahead) <= TIME_SLACK_MS)) continue;
    found.set(tab, (found.get(tab) ?? 0) + 1);
  }
  return [...found].map(([tab, events]) => {
    const hours = timesOf(tab).aheadMs.map((ahead) => ahead / 3_600_000);
    return `${tab}: ${events} events are not ${hours.join(' or ')} h from their right time`;
  });
}

/** What is given up for want of room is told, each event of it; nothing else is given up. */
function lossDifferences(
  lives: readonly Life[],
  losses: Readonly<Record<string, number>>,
): string[] {
  const expected: Readonly<Record<string, number>> = {
    queue_full: lives.reduce((sum, { givenUp }) => sum + givenUp.size, 0),
  };
  return Object.keys({ ...expected, ...losses }).flatMap((reason) => {
    const [real, said] = [expected[reason] ?? 0, losses[reason] ?? 0];
    return real === said ? [] : [`losses: ${real} ${reason}, and clients have told of ${said}`];
  });
}

function rollupDifferences(lives: readonly Life[], { stored, byTab }: Answers): string[] {
  const tabs = new Map(lives.map(({ life, tab }) => [life, tab]));
  const expected = new Map<string, number>();
  for (const { life } of stored) {
    const tab = tabs.get(life) ?? '';
    expected.set(tab, (expected.get(tab) ?? 0) + 1);
  }
  return [...new Set([...expected.keys(), ...byTab.keys()])].flatMap((tab) => {
    const [events, counted] = [expected.get(tab) ?? 0, byTab.get(tab) ?? 0];
    return events === counted ? [] : [`rollup: ${counted} of ${tab}, and ${events} are stored`];
  });
}

function ledgerDifferences({ stored, lossEvents, ledger }: Answers): string[] {
  const { received, applied, duplicate, rejected, pending, balanced } = ledger;
  const found: string[] = [];
  if (!balanced || received !== applied + duplicate || rejected + pending !== 0) {
    found.push(
      `ledger: ${received} received, ${applied} applied, ${duplicate} duplicate, ${rejected} rejected, ` +
        `${pending} pending (balanced: ${balanced})`,
    );
  }
  const events = stored.length + lossEvents;
  if (applied !== events) found.push(`ledger: ${applied} applied, and ${events} are stored`);
  return found;
}

function named({ tab, life }: Life, what: string, numbers: readonly number[]): string[] {
  if (numbers.length === 0) return [];
  const shown = numbers.slice(0, NAMED_MAX).join(', ');
  const more = numbers.length > NAMED_MAX ? ', …' : '';
  return [`${tab} (${life}): ${numbers.length} ${what}: ${shown}${more}`];
}
