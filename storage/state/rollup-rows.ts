/** Rows of rollups that tenants have declared (drawing: storage/FORMAT.md, "Declared rollups"). They are the server's, and no partition's. */
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { KeyWriter, prefixEnd } from './keys.ts';
import { parseJson } from './rows.ts';
import { type KeyRange, type StateOp, type StateReader, scan } from './state.ts';

/** Behind those of erasures. */
const ROLLUP_ROW = 80;

const writer = new KeyWriter();
const begin = (): KeyWriter => writer.restart().u16(0xffff).u8(0xff).u8(ROLLUP_ROW);

export function declaredRollupRange(): KeyRange {
  const from = begin().end();
  return { from, to: prefixEnd(from) };
}

/** `name`: of the definition. Undefined: it is dropped. */
export const declaredRollupOp = (name: string, rollup: RollupDefinition | undefined): StateOp => ({
  key: begin().text(name).end(),
  value: rollup && Buffer.from(JSON.stringify(rollup)),
});

/** By name. Throws `state_corrupt`. */
export async function loadDeclaredRollups(store: StateReader): Promise<RollupDefinition[]> {
  const rollups: RollupDefinition[] = [];
  for await (const { value } of scan(store, declaredRollupRange())) {
    rollups.push(parseJson('a rollup', value) as RollupDefinition);
  }
  return rollups;
}
