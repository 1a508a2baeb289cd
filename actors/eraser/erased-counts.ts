/** How many of the events that the ledger counts as applied were erased since. Only the eraser writes these rows. */
import { erasedKey, type LedgerRowAt } from '../../storage/state/keys.ts';
import { decodeCount, encodeCount } from '../../storage/state/rows.ts';
import type { StateOp, StateReader } from '../../storage/state/state.ts';

/** The rows with these events added. Lines are of different places. */
export async function addErased(
  state: StateReader,
  lines: Iterable<LedgerRowAt & { readonly events: number }>,
): Promise<StateOp[]> {
  const more = [...lines].filter(({ events }) => events > 0);
  const keys = more.map(erasedKey);
  const stored = await state.getMany(keys);
  return more.map(({ events }, i) => {
    const row = stored[i];
    const before = row === undefined ? 0 : decodeCount(row);
    return { key: keys[i] as Uint8Array, value: encodeCount(before + events) };
  });
}
