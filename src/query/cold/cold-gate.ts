/** Questions about single events take turns, those of one tenant with those of the others; what becomes of each is counted. */
import { isFault } from '../../model/errors.ts';
import { type TimeCounts, TimeHistogram } from '../../model/time-histogram.ts';
import { Gate } from '../gate.ts';
import { COLD_MS_BOUNDS, COLD_WAITING_MAX } from './limits.ts';

export type ColdKind = 'events' | 'event' | 'sql' | 'timeseries';
export type ColdOutcome = 'answered' | 'refused' | 'timeout' | 'invalid' | 'failed';

/** Since the start. */
export interface ColdNumbers {
  readonly running: number;
  readonly waiting: number;
  readonly kinds: Readonly<Record<ColdKind, ColdKindNumbers>>;
  /** For their turn, those that were refused not counted. */
  readonly waits: TimeCounts;
}

export interface ColdKindNumbers {
  readonly outcomes: Readonly<Record<ColdOutcome, number>>;
  /** From their turn on. */
  readonly works: TimeCounts;
}

export interface ColdGateOptions {
  /** Questions at work at a time. */
  readonly concurrency: number;
  /** Several tenants may ask: then none of them ever has all places, if there are two. */
  readonly isShared: boolean;
}

export class ColdGate {
  readonly #gate: Gate;
  readonly #waits = new TimeHistogram(COLD_MS_BOUNDS);
  readonly #kinds = {
    events: newKind(),
    event: newKind(),
    sql: newKind(),
    timeseries: newKind(),
  };

  constructor({ concurrency, isShared }: ColdGateOptions) {
    this.#gate = new Gate({
      runningMax: concurrency,
      waitingMax: COLD_WAITING_MAX,
      runningMaxEach: isShared ? Math.max(1, concurrency - 1) : concurrency,
    });
  }

  /** Rejects with `query_overload` if too many wait; otherwise with what `ask` rejects with. */
  async run<T>(kind: ColdKind, tenant: string, ask: () => Promise<T>): Promise<T> {
    const { outcomes, works } = this.#kinds[kind];
    const askedMs = performance.now();
    let outcome: ColdOutcome = 'answered';
    try {
      return await this.#gate.run(tenant, async () => {
        const startedMs = performance.now();
        this.#waits.add(startedMs - askedMs);
        try {
          return await ask();
        } finally {
          works.add(performance.now() - startedMs);
        }
      });
    } catch (error) {
      outcome = outcomeOf(error);
      throw error;
    } finally {
      outcomes[outcome] += 1;
    }
  }

  numbers(): ColdNumbers {
    const { running, waiting } = this.#gate;
    return { running, waiting, kinds: this.#kinds, waits: this.#waits };
  }
}

const newKind = () => ({
  outcomes: { answered: 0, refused: 0, timeout: 0, invalid: 0, failed: 0 },
  works: new TimeHistogram(COLD_MS_BOUNDS),
});

function outcomeOf(error: unknown): ColdOutcome {
  if (isFault(error, 'query_overload')) return 'refused';
  if (isFault(error, 'query_timeout')) return 'timeout';
  if (isFault(error, 'query_invalid')) return 'invalid';
  return 'failed';
}
