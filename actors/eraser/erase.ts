/** What of an erasure is done here: the log, then dead letters; the archive's thread does the rest. */
import type { Erasure } from '../../src/model/erasure.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { encodeErasure, erasureKey } from '../../storage/state/erasure-rows.ts';
import { eraseFromLetters, type LetterEraserTools } from './erase-letters.ts';
import { eraseFromLog, type LogEraserTools } from './erase-log.ts';
import { rollupsLabelled } from './labels.ts';

export interface EraserTools extends LogEraserTools, LetterEraserTools {
  /** Makes the state store let go of what letters held before. */
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
    await store({ ...(await eraseFromLog(tools, done, value)), state: 'deadLetters' });
  }
  if (done.state === 'deadLetters') {
    await store(await eraseFromLetters(tools, done, value));
    if (done.deadLetters > 0) await tools.pushOut();
    await store({ ...done, state: 'archive' });
  }
  return done;
}
