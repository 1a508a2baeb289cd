/** Which fields have more values than a rollup keeps series for: what its partitions say of it, as one. */
import type { OverflowReport } from '../aggregate/series-index.ts';
import { undefinedIfFault } from '../model/errors.ts';
import type { RollupDefinition } from '../model/rollup.ts';
import { COLLECT_TIMEOUT_MS, OVERFLOW_EXAMPLES_MAX } from './limits.ts';
import type { OverflowsReply, PartitionClient } from './ports.ts';

export interface RollupOverflow extends OverflowReport {
  /** Partitions that have not answered: of theirs nothing is in it. */
  readonly missingPartitions: readonly number[];
}

/** The partitions are asked once for all rollups of a question, and only if it wants to know. */
export class RollupOverflows {
  readonly #tenant: string;
  readonly #partitions: Pick<PartitionClient, 'partitions' | 'overflows'>;
  #replies: Promise<readonly (OverflowsReply | undefined)[]> | undefined;

  constructor(tenant: string, partitions: Pick<PartitionClient, 'partitions' | 'overflows'>) {
    this.#tenant = tenant;
    this.#partitions = partitions;
  }

  async of({ name, dimensions }: RollupDefinition): Promise<RollupOverflow> {
    this.#replies ??= this.#ask();
    const replies = await this.#replies;
    const reports = replies.flatMap(
      (reply) => reply?.overflows.filter(({ rollup }) => rollup === name) ?? [],
    );
    const events = reports.reduce((sum, { report }) => sum + report.events, 0);
    const merged = dimensions.map((dimension) => {
      const parts = reports.flatMap(({ report }) =>
        report.dimensions.filter((each) => each.name === dimension),
      );
      const refused = parts.reduce((sum, part) => sum + part.refused, 0);
      const examples = [...new Set(parts.flatMap((part) => part.examples))];
      return { name: dimension, refused, examples: examples.slice(0, OVERFLOW_EXAMPLES_MAX) };
    });
    return {
      events,
      // The one to blame comes first.
      dimensions: merged.filter(({ refused }) => refused > 0).sort((a, b) => b.refused - a.refused),
      missingPartitions: [...replies.keys()].filter((p) => replies[p] === undefined),
    };
  }

  #ask(): Promise<readonly (OverflowsReply | undefined)[]> {
    return Promise.all(
      Array.from({ length: this.#partitions.partitions }, (_, partition) =>
        this.#partitions
          .overflows(partition, { tenant: this.#tenant }, COLLECT_TIMEOUT_MS)
          .catch(undefinedIfFault),
      ),
    );
  }
}
