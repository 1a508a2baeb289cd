/** What is to be erased: of which tenant, which value, up to where. */
import type { Block } from '../../src/model/block.ts';
import { type FieldValue, rowsWith } from '../../src/model/block-eraser.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import { COLUMN_KIND } from '../../src/model/columns.ts';
import { type ErasureRequest, offsetIn } from '../../src/model/erasure.ts';
import { holdsValue } from '../../src/model/value-in-text.ts';
import type { Erasable } from '../../storage/log/journal-erasure.ts';

export interface Target extends FieldValue, ErasureRequest {}

export const isInStream = ({ stream }: Pick<Target, 'stream'>, name: string): boolean =>
  stream === undefined || stream === name;

/** Events by their field. Dead letters by their bytes, because nobody could read fields of them. */
export const erasableBy =
  (target: Target): Erasable =>
  (block, at) => {
    if (at >= offsetIn(target.before, block.partition)) return undefined;
    if (block.tenant !== target.tenant) return undefined;
    if (!isInStream(target, block.stream)) return undefined;
    switch (block.kind) {
      case BLOCK_KIND.events:
        return rowsWith(block, target);
      case BLOCK_KIND.deadLetters:
        return lettersWith(block, target.value);
      default:
        return undefined;
    }
  };

function lettersWith(block: Block, value: string): Uint8Array | undefined {
  const found = new Uint8Array(block.rows);
  for (const name of ['raw', 'message']) {
    const column = block.field(name, COLUMN_KIND.string);
    if (column === undefined) continue;
    const codes = new Uint32Array(block.rows);
    block.readCodes(column, codes);
    const { offsets, bytes } = block.storedEntries(column);
    for (let row = 0; row < block.rows; row++) {
      const code = codes[row] as number;
      if (code === 0) continue;
      if (holdsValue(bytes.subarray(offsets[code - 1], offsets[code]), value)) found[row] = 1;
    }
  }
  return found.includes(1) ? found : undefined;
}
