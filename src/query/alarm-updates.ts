/**
 * Alarms as they change, for subscribers: a snapshot, then every change of a commit. What a subscriber does not read
 * waits in a buffer with a bound; past it the buffer is dropped, and it gets a gap and a fresh snapshot when it reads again.
 */
import type { AlarmPage, HistoryEntry } from '../model/alarm-board.ts';
import { AppError } from '../model/errors.ts';
import type { AlarmBoardPort } from './alarms-port.ts';
import {
  ALARM_CHANGES_WAITING_MAX,
  ALARM_SUBSCRIBERS_MAX,
  ALARM_SUBSCRIBERS_PER_TENANT_MAX,
  ALARMS_PAGE_MAX,
} from './limits.ts';
import { pullIterator } from './pull-iterator.ts';

export type AlarmUpdate =
  | { readonly kind: 'snapshot'; readonly page: AlarmPage }
  | { readonly kind: 'changes'; readonly changes: readonly HistoryEntry[] }
  /** A snapshot follows. */
  | { readonly kind: 'gap'; readonly droppedChanges: number };

export interface AlarmUpdatesQuery {
  readonly tenant: string;
  readonly rule?: string;
}

export class AlarmUpdates {
  readonly #board: Pick<AlarmBoardPort, 'alarms' | 'onChanges'>;
  /** By subscriber: what ends it. */
  readonly #subscribers = new Map<() => void, string>();

  constructor(board: Pick<AlarmBoardPort, 'alarms' | 'onChanges'>) {
    this.#board = board;
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** Throws `query_overload` if a bound is reached. */
  subscribe(query: AlarmUpdatesQuery): AsyncIterableIterator<AlarmUpdate> {
    const { tenant, rule } = query;
    const own = [...this.#subscribers.values()].filter((each) => each === tenant).length;
    if (own >= ALARM_SUBSCRIBERS_PER_TENANT_MAX) throw tooMany('this tenant has', own);
    if (this.#subscribers.size >= ALARM_SUBSCRIBERS_MAX) {
      throw tooMany('the server has', this.#subscribers.size);
    }
    const buffer = new Buffer();
    const unlisten = this.#board.onChanges(tenant, (changes) => {
      buffer.add(rule === undefined ? changes : changes.filter(isOf(rule)));
    });
    const end = () => {
      unlisten();
      this.#subscribers.delete(end);
      buffer.end();
    };
    this.#subscribers.set(end, tenant);
    const snapshot = () =>
      this.#board.alarms({ tenant, ...(rule !== undefined && { rule }), first: ALARMS_PAGE_MAX });
    return updatesFrom(buffer, snapshot, end);
  }

  /** Ends every subscription. */
  close(): void {
    for (const end of [...this.#subscribers.keys()]) end();
  }
}

const tooMany = (who: string, open: number): AppError =>
  new AppError(
    'query_overload',
    `${who} ${open} subscriptions to alarms open, as many as it may: end some, or try again later`,
  );

const isOf = (rule: string) => (entry: HistoryEntry) => entry.transition.rule === rule;

/** Changes that one subscriber has not read. */
class Buffer {
  #waiting: HistoryEntry[] = [];
  #dropped = 0;
  #hasEnded = false;
  #moved = Promise.withResolvers<void>();

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  add(changes: readonly HistoryEntry[]): void {
    if (changes.length === 0) return;
    if (this.#dropped > 0 || this.#waiting.length + changes.length > ALARM_CHANGES_WAITING_MAX) {
      // The snapshot behind the gap shows what came of them.
      this.#dropped += this.#waiting.length + changes.length;
      this.#waiting = [];
    } else {
      this.#waiting.push(...changes);
    }
    this.#wake();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  /** Undefined: there is nothing new. */
  take(): AlarmUpdate | undefined {
    if (this.#dropped > 0) {
      const droppedChanges = this.#dropped;
      this.#dropped = 0;
      return { kind: 'gap', droppedChanges };
    }
    if (this.#waiting.length === 0) return undefined;
    const changes = this.#waiting;
    this.#waiting = [];
    return { kind: 'changes', changes };
  }

  /** Resolves when there may be something to take. */
  moved(): Promise<void> {
    return this.#moved.promise;
  }

  #wake(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers<void>();
  }
}

function updatesFrom(
  buffer: Buffer,
  snapshot: () => Promise<AlarmPage>,
  end: () => void,
): AsyncIterableIterator<AlarmUpdate> {
  let wantsSnapshot = true;
  const pull = async (): Promise<AlarmUpdate | undefined> => {
    if (wantsSnapshot && !buffer.hasEnded) {
      // Changes that come meanwhile wait: none is missed between the two.
      const page = await snapshot();
      wantsSnapshot = false;
      return { kind: 'snapshot', page };
    }
    while (!buffer.hasEnded) {
      const update = buffer.take();
      if (update !== undefined) {
        wantsSnapshot = update.kind === 'gap';
        return update;
      }
      await buffer.moved();
    }
    return undefined;
  };
  return pullIterator(pull, end);
}
