/**
 * The alarm board at work: evaluates rules on what partitions have closed, asks the machine who is told, and writes all
 * of it in one commit before anybody hears of it. Everything it knows is in the store and in the partitions' rows; after a
 * crash it is loaded and goes on.
 */
import type { BoardView, HistoryEntry } from '../../src/model/alarm-board.ts';
import type { Clock } from '../../src/model/clock.ts';
import type { Logger } from '../../src/model/logger.ts';
import type { Receiver, ReceiverRef } from '../../src/model/notification.ts';
import type { Partials } from '../../src/model/partials.ts';
import type { ListingStore, StateOp } from '../../storage/state/state.ts';
import { countStates } from './alarm-views.ts';
import { Archive } from './archive.ts';
import { type ConfiguredAlarms, Declarations } from './declarations.ts';
import type { Deliveries } from './deliveries.ts';
import { nameKey } from './hashes.ts';
import { ALARMS_MAX, PROGRESS_COMMIT_MS, SLICE_MS, TICK_OVERDUE_MS } from './limits.ts';
import { BoardMachine } from './machine.ts';
import { boardOps, loadBoard, type StoredBoard } from './rows.ts';
import { RuleSet, type RuleTransitions } from './rule-set.ts';

/** Who sends what the board decides: the dispatcher. */
export interface Sender {
  setReceivers(receivers: readonly Receiver[]): void;
  wake(receiver: ReceiverRef): void;
}

export interface BoardOptions {
  readonly store: ListingStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly config: ConfiguredAlarms;
  /** Follows nothing yet. */
  readonly partials: () => Partials;
  readonly deliveries: Deliveries;
  readonly sender: Sender;
  /** Told of what has been committed. */
  readonly onChanges: (changes: readonly HistoryEntry[]) => void;
}

export class Board {
  readonly declarations: Declarations;
  readonly rules: RuleSet;
  readonly machine: BoardMachine;
  readonly #options: BoardOptions;
  readonly #archive: Archive;
  /** To be written with the next commit. */
  #ops: StateOp[] = [];
  #isMoreToDo = false;
  #droppedLogged = 0;
  #tickedMs: number;

  static async load(options: BoardOptions): Promise<Board> {
    const { store, deliveries, log } = options;
    const stored = await loadBoard(store);
    const board = new Board(options, stored, await Archive.load(store, deliveries, log));
    const waitingFor = await deliveries.recount();
    board.#showReceivers();
    for (const receiver of waitingFor) {
      if (!board.isSentTo(receiver)) await deliveries.cancelAll(receiver);
    }
    await board.commit();
    board.tellSender();
    return board;
  }

  constructor(options: BoardOptions, stored: StoredBoard, archive: Archive) {
    this.#options = options;
    this.#archive = archive;
    this.#tickedMs = options.clock.now();
    this.declarations = new Declarations(options.config, stored.declared);
    this.rules = new RuleSet(options.partials());
    this.machine = new BoardMachine(this.declarations.settings(), stored.board, this.nowMs);
    const runs = new Map(stored.runs.map((run) => [nameKey(run.rule), run]));
    for (const rule of this.declarations.rules.all()) {
      this.apply(this.rules.put(rule, this.nowMs, runs.get(nameKey(rule))));
      runs.delete(nameKey(rule));
    }
    for (const run of runs.values()) this.apply(this.rules.remove(run));
  }

  get nowMs(): number {
    return this.#options.clock.now();
  }

  get isTickOverdue(): boolean {
    return Math.abs(this.nowMs - this.#tickedMs) >= TICK_OVERDUE_MS;
  }

  /** True: there is more to do at once, but questions come first. */
  async tick(): Promise<boolean> {
    const { clock } = this.#options;
    const beganMs = clock.now();
    if (!this.#isMoreToDo) await this.rules.poll();
    this.#isMoreToDo = await this.rules.evaluate(
      () => clock.now() - beganMs < SLICE_MS,
      (made) => this.#take(made),
    );
    this.machine.advance(this.nowMs);
    await this.commit();
    // Behind the commit: a run that is made anew has forgotten what of it was still to be written.
    this.rules.renew();
    this.#tickedMs = clock.now();
    return this.#isMoreToDo;
  }

  /** What a change of rules has brought about; `commit` writes it. */
  apply({
    ended,
    ops,
  }: {
    readonly ended: readonly RuleTransitions[];
    readonly ops: StateOp[];
  }): void {
    for (const made of ended) this.#take(made);
    for (const op of ops) this.#ops.push(op);
  }

  write(...ops: readonly StateOp[]): void {
    this.#ops.push(...ops);
  }

  /** Rules, receivers or routes are others. */
  configure(): void {
    this.machine.configure(this.declarations.settings(), this.nowMs);
    this.#showReceivers();
  }

  /** The receivers as they are now. Call it when they are committed. */
  tellSender(): void {
    const { receivers } = this.declarations;
    this.#options.sender.setReceivers(
      receivers.all().filter((receiver) => this.isSentTo(receiver)),
    );
  }

  isSentTo(receiver: ReceiverRef): boolean {
    const { receivers } = this.declarations;
    return receivers.get(receiver) !== undefined && this.machine.disabled(receiver) === undefined;
  }

  /** Writes everything since the last commit, then says it. Synced if somebody is told of it, or people changed something. */
  async commit(durability?: 'synced'): Promise<void> {
    const { store, deliveries, sender, onChanges } = this.#options;
    const { nowMs } = this;
    const own = this.#ops;
    this.#ops = [];
    const isChange = own.length > 0 || durability === 'synced';
    const runs = this.rules.takeOps(nowMs, PROGRESS_COMMIT_MS);
    const changes = this.machine.hasChanges ? this.machine.takeChanges() : undefined;
    const made = changes && [...boardOps(changes), ...(await this.#archive.opsFor(changes, nowMs))];
    // Not pushed as arguments: a hundred thousand alarms at once are more than the stack has room for.
    const ops = [...own, ...runs, ...(made ?? [])];
    if (ops.length === 0) return;
    const { history = [], deliveries: waiting = [] } = changes ?? {};
    const isSynced = isChange || history.length + waiting.length > 0;
    await store.commit(ops, isSynced ? 'synced' : undefined);
    this.rules.committed();
    this.#archive.committed(nowMs);
    for (const delivery of waiting) deliveries.made(delivery);
    for (const { notification } of waiting) {
      sender.wake({ tenant: notification.tenant, name: notification.receiver });
    }
    this.#log(history);
    this.#logDropped();
    if (history.length > 0) onChanges(history);
  }

  /** Of one tenant, or of all. What was dropped is always of all: the bound is one of the server. */
  view(tenant?: string): BoardView {
    const { rules, machine, nowMs } = this;
    const { deliveries } = this.#options;
    const receivers = this.declarations.receivers.all().filter((each) => each.tenant === tenant);
    const waiting = receivers.reduce((sum, receiver) => sum + deliveries.waitingOf(receiver), 0);
    return {
      lagMs: rules.lagMs(nowMs, tenant),
      evaluations: tenant === undefined ? rules.evaluations : rules.evaluationsOf(tenant),
      alarms: countStates(tenant === undefined ? rules.all() : rules.of(tenant)),
      droppedAlarms: machine.dropped,
      waitingDeliveries: tenant === undefined ? deliveries.waitingTotal : waiting,
    };
  }

  #take({ rule, transitions }: RuleTransitions): void {
    this.machine.take(rule, transitions, this.nowMs);
  }

  #showReceivers(): void {
    const { receivers } = this.declarations;
    this.#options.deliveries.setDisabled(
      receivers.all().filter((receiver) => !this.isSentTo(receiver)),
    );
  }

  #logDropped(): void {
    const { dropped } = this.machine;
    if (dropped === this.#droppedLogged) return;
    const alarms = dropped - this.#droppedLogged;
    this.#droppedLogged = dropped;
    const text = 'too many alarms fire: nobody is told of these, they are only in the history';
    this.#options.log.error({ alarms, alarmsMax: ALARMS_MAX }, text);
  }

  #log(history: readonly HistoryEntry[]): void {
    for (const { alarm, transition } of history) {
      const fields = { alarm, ...transition };
      const { to, severity } = transition;
      const isBad = to !== 'ok' && to !== 'pending' && severity !== 'info';
      if (isBad) this.#options.log.warn(fields, 'an alarm changed its state');
      else this.#options.log.info(fields, 'an alarm changed its state');
    }
  }
}
