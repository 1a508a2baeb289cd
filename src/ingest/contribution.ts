/** What one request or frame put into the log: usually one piece, more if a batch filled up under it. */
import type { AppError } from '../model/errors.ts';
import { encodePositions, type Positions } from '../model/positions.ts';
import type { Offset } from '../model/units.ts';
import { type PartitionRows, rowsWithin } from './placement.ts';

/** A request's rows in one block. */
export interface BlockRows {
  readonly partition: number;
  readonly offset: Offset;
  readonly nextOffset: Offset;
  readonly rowFrom: number;
  readonly rowTo: number;
}

/** A block of events that is durable, and which rows of its batch it holds. */
export interface DurableBlock {
  readonly offset: Offset;
  readonly nextOffset: Offset;
  readonly rows: PartitionRows;
}

/** What was sealed together out of one stream and is durable now. Its requests share one position. */
export class DurableBatch {
  readonly blocks: readonly DurableBlock[];
  readonly positions: Positions;
  #position: string | undefined;

  constructor(blocks: readonly DurableBlock[], positions: Positions) {
    this.blocks = blocks;
    this.positions = positions;
  }

  /** Encoded once for all requests of the batch. */
  get position(): string {
    this.#position ??= encodePositions(this.positions);
    return this.#position;
  }

  /** Where rows `[from, to)` of the batch are. */
  rowsOf(from: number, to: number): BlockRows[] {
    const found: BlockRows[] = [];
    for (const { offset, nextOffset, rows } of this.blocks) {
      const within = rowsWithin(rows, from, to);
      if (within.to === within.from) continue;
      const { partition } = rows;
      found.push({ partition, offset, nextOffset, rowFrom: within.from, rowTo: within.to });
    }
    return found;
  }
}

const NO_ROWS: readonly BlockRows[] = [];

export class Contribution {
  readonly #wantsRows: boolean;
  readonly #settled: (contribution: Contribution) => void;
  /** The request itself counts as one until `end`. */
  #outstanding = 1;
  #batch: DurableBatch | undefined;
  #positions: Map<number, Offset> | undefined;
  #rows = NO_ROWS;
  #isSpooled = false;
  /** Why at least one piece is not durable. Other pieces may be: the sender sends all of it again. */
  fault: AppError | undefined;
  /** Where its rows are, if it was asked for. */
  get rows(): readonly BlockRows[] {
    return this.#rows;
  }

  /** `settled` is called once, when every piece is durable or has failed. */
  constructor(wantsRows: boolean, settled: (contribution: Contribution) => void) {
    this.#wantsRows = wantsRows;
    this.#settled = settled;
  }

  /** The opaque `position` of the reply. Undefined: some of it is spooled, and nobody knows where in the log it will be. */
  get position(): string | undefined {
    if (this.#isSpooled) return undefined;
    if (this.#positions !== undefined) return encodePositions(this.#positions);
    return this.#batch?.position ?? '';
  }

  /** A piece was sealed. */
  sealed(): void {
    this.#outstanding += 1;
  }

  /** Rows `[from, to)` of this batch, a piece of it, are durable. */
  durable(batch: DurableBatch, from: number, to: number): void {
    if (this.#wantsRows) this.#rows = [...this.#rows, ...batch.rowsOf(from, to)];
    if (this.#batch === undefined) this.#batch = batch;
    else this.#merge(batch.positions);
    this.#settleOne();
  }

  /** A piece of it is durable, but not in the log yet. */
  spooled(): void {
    this.#isSpooled = true;
    this.#settleOne();
  }

  failed(fault: AppError): void {
    this.spoil(fault);
    this.#settleOne();
  }

  /** Whatever becomes of its pieces, the request has failed. */
  spoil(fault: AppError): void {
    this.fault ??= fault;
  }

  /** The request has nothing more to add. */
  end(): void {
    this.#settleOne();
  }

  #merge(positions: Positions): void {
    this.#positions ??= new Map(this.#batch?.positions);
    for (const [partition, next] of positions) {
      const known = this.#positions.get(partition);
      if (known === undefined || known < next) this.#positions.set(partition, next);
    }
  }

  #settleOne(): void {
    this.#outstanding -= 1;
    if (this.#outstanding === 0) this.#settled(this);
  }
}
