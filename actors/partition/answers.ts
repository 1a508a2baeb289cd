/** Answers what a partition is asked: from its machine, and from the store what that has handed over. */
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { assertNever } from '../../src/model/result.ts';
import {
  erasedRange,
  ledgerRange,
  parseLedgerKey,
  rollupRowKey,
  verdictKey,
} from '../../storage/state/keys.ts';
import {
  decodeCount,
  decodeLedger,
  decodeVerdict,
  type Verdict,
} from '../../storage/state/rows.ts';
import { type StateReader, scan } from '../../storage/state/state.ts';
import type { PartitionMachine } from './machine.ts';
import type {
  CollectReply,
  CollectRequest,
  LedgerEntry,
  LedgerReply,
  LedgerRequest,
  OverflowsReply,
  OverflowsRequest,
  PartitionQuestion,
  Reply,
  RollupRow,
  VerdictRequest,
} from './protocol.ts';
import { amended } from './rollups.ts';

export class Answers {
  readonly #machine: PartitionMachine;
  readonly #store: StateReader;
  readonly #log: Logger;
  readonly #partition: number;

  constructor(machine: PartitionMachine, store: StateReader, log: Logger) {
    this.#machine = machine;
    this.#store = store;
    this.#log = log;
    this.#partition = machine.partition;
  }

  /** Throws only if the machine crashes at closing what is complete; else what goes wrong is the answer. */
  answer(question: PartitionQuestion): Promise<void> {
    const machine = this.#machine;
    switch (question.type) {
      case 'collect':
        machine.closeDue(question.request);
        return this.#reply(question.replyTo, () => this.#collect(question.request));
      case 'partials':
        machine.closeAsked(question.request);
        return this.#reply(question.replyTo, async () => machine.partials(question.request));
      case 'ledger':
        return this.#reply(question.replyTo, () => this.#ledger(question.request));
      case 'overflows':
        return this.#reply(question.replyTo, async () => this.#overflows(question.request));
      case 'verdict':
        return this.#reply(question.replyTo, () => this.#droppedRows(question.request));
      default:
        return assertNever(question);
    }
  }

  /** Asking changes nothing here. So what goes wrong, a bug included, is the asker's answer and not a crash. */
  async #reply<T>(replyTo: Reply<T>, ask: () => Promise<T>): Promise<void> {
    try {
      replyTo(await ask());
    } catch (error) {
      if (!(error instanceof AppError)) {
        this.#log.error({ err: error, partition: this.#partition }, 'a question failed');
      }
      replyTo(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #collect(request: CollectRequest): Promise<CollectReply> {
    const { rows, deltas, ...rest } = this.#machine.collect(request);
    const keys = deltas.map((row) => rollupRowKey({ partition: this.#partition, ...row }));
    const stored = await this.#store.getMany(keys);
    const merged = deltas.map((row, i): RollupRow => {
      return { ...row, bytes: amended(stored[i], row.bytes) };
    });
    return { ...rest, rows: [...rows, ...merged], appliedOffset: this.#machine.position };
  }

  async #ledger({ tenant, fromMs, toMs }: LedgerRequest): Promise<LedgerReply> {
    const lines = new Map<string, LedgerEntry>();
    const keyOf = (entry: Pick<LedgerEntry, 'arrivalHourMs' | 'stream'>): string =>
      `${entry.arrivalHourMs}/${entry.stream}`;
    const range = ledgerRange(this.#partition, tenant, Math.max(0, fromMs), toMs);
    for await (const { key, value } of scan(this.#store, range)) {
      const { stream, arrivalHourMs } = parseLedgerKey(key);
      const entry = { tenant, stream, arrivalHourMs, ...decodeLedger(value), erased: 0 };
      lines.set(keyOf(entry), entry);
    }
    for (const line of this.#machine.ledgerChanges()) {
      const { arrivalHourMs } = line;
      const isAsked = line.tenant === tenant && arrivalHourMs >= fromMs && arrivalHourMs < toMs;
      if (isAsked) lines.set(keyOf(line), { ...line, erased: 0 });
    }
    const erased = erasedRange(this.#partition, tenant, Math.max(0, fromMs), toMs);
    for await (const { key, value } of scan(this.#store, erased)) {
      const place = keyOf(parseLedgerKey(key));
      const line = lines.get(place);
      if (line !== undefined) lines.set(place, { ...line, erased: decodeCount(value) });
    }
    const { position, appliedEnd } = this.#machine;
    return { entries: [...lines.values()], appliedOffset: position, appliedEnd };
  }

  #overflows({ tenant }: OverflowsRequest): OverflowsReply {
    const all = [...this.#machine.overflows()].filter((each) => each.tenant === tenant);
    return { overflows: all.map(({ rollup, report }) => ({ rollup, report })) };
  }

  async #droppedRows({ offset, rowFrom, rowTo }: VerdictRequest): Promise<number> {
    const key = verdictKey(this.#partition, offset);
    // It was applied elsewhere, or before a crash: what it is judged to be here is not known yet.
    if (offset >= this.#machine.position) {
      throw new AppError('actor_stopped', `the block at ${offset} has yet to be applied again`);
    }
    const bytes = this.#machine.recentVerdict(offset) ?? (await this.#store.getMany([key]))[0];
    return bytes === undefined ? 0 : droppedIn(decodeVerdict(bytes), rowFrom, rowTo);
  }
}

function droppedIn(verdict: Verdict, rowFrom: number, rowTo: number): number {
  let dropped = 0;
  for (let row = rowFrom; row < Math.min(rowTo, verdict.rows); row++) {
    if (verdict.isDropped(row)) dropped++;
  }
  return dropped;
}
