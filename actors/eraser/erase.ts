/** What of an erasure is done here: the log, then dead letters; the archive's thread does the rest. */
import { type Erasure, offsetIn } from '../../src/model/erasure.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { encodeErasure, erasureKey } from '../../storage/state/erasure-rows.ts';
import { fieldSamplesRange } from '../../storage/state/keys.ts';
import { eraseFromLetters, type LetterEraserTools } from './erase-letters.ts';
import {
  type CommittedTools,
  eraseFromLog,
  type JournalTools,
  waitCommitted,
} from './erase-log.ts';
import { rollupsLabelled } from './labels.ts';

export interface EraserTools extends CommittedTools, LetterEraserTools {
  /** Undefined: the log is a topic, in which nobody can erase. */
  readonly journal: JournalTools | undefined;
  /** Makes the state store let go of what letters and samples held before. */
  readonly pushOut: () => Promise<void>;
}

/**
 * Goes on where the erasure is, and answers it in the state `archive`, stored. Rejects as `eraseFromLog`; what was done by then is
 * stored, too.
 */
export async function eraseFromLogAndState(
  tools: EraserTools,
  erasure: Erasure,
  value: string,
  rollups: readonly RollupDefinition[],
): Promise<Erasure> {
  const { state } = tools;
  let done = erasure;
  const store = async (next: Erasure) => {
    done = next;
    await state.commit([{ key: erasureKey(next.tenant, next.id), value: encodeErasure(next) }]);
  };
  if (done.state === 'log') {
    const labels = await rollupsLabelled(state, tools.partitions, rollups, { ...done, value });
    await store({ ...done, labels });
    done = await (tools.journal === undefined
      ? passTopic(tools, done)
      : eraseFromLog({ ...tools, ...tools.journal }, done, value));
    await store({ ...done, state: 'deadLetters' });
  }
  if (done.state === 'deadLetters') {
    await forgetSamples(tools, done);
    await store(await eraseFromLetters(tools, done, value));
    await tools.pushOut();
    await store({ ...done, state: 'archive' });
  }
  return done;
}

/** Values of fields that are shown as examples: all of the streams that it is about, as nobody knows whose they are. */
async function forgetSamples({ state, partitions }: EraserTools, erasure: Erasure): Promise<void> {
  const { tenant, stream } = erasure;
  for (let partition = 0; partition < partitions; partition++) {
    await state.clear(fieldSamplesRange(partition, tenant, stream));
  }
}

/** What partitions have committed is looked for where they have put it. All of the log before the request has to be there. */
async function passTopic(tools: EraserTools, erasure: Erasure): Promise<Erasure> {
  for (let partition = 0; partition < tools.partitions; partition++) {
    await waitCommitted(tools, partition, offsetIn(erasure.before, partition) - 1);
  }
  return erasure;
}
