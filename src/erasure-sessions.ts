/**
 * Open sessions that hold a value that is erased. Their partitions have them in memory: they stand still while the rows are deleted,
 * and go on with what is left.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isInStream } from '../actors/eraser/target.ts';
import { pushedOutKey } from '../storage/state/erasure-rows.ts';
import { sessionKey, sessionRange } from '../storage/state/keys.ts';
import { pushOut } from '../storage/state/push-out.ts';
import { decodeSessionRow } from '../storage/state/session-rows.ts';
import { type StateReader, type StateStore, scan } from '../storage/state/state.ts';
import { cutText } from './aggregate/block-columns.ts';
import { isUserName } from './aggregate/open-sessions.ts';
import { takenFields } from './aggregate/session.ts';
import type { Erasure } from './model/erasure.ts';
import { AppError } from './model/errors.ts';
import type { RollupDefinition, RollupsControl } from './model/rollup.ts';
import { type SessionDefinition, sessionsOf } from './model/session.ts';
import type { PartitionHold } from './threads/partition-hold.ts';

export interface SessionEraser {
  readonly state: StateStore;
  readonly partitions: number;
  readonly hold: PartitionHold;
  readonly definitions: readonly SessionDefinition[];
}

/** Of events that partitions have applied. They are counted nowhere. Rejects with `query_overload` while partitions are held by another. */
export async function eraseSessions(
  { state, partitions, hold, definitions }: SessionEraser,
  erasure: Erasure,
  value: string,
): Promise<void> {
  const { id, tenant, field } = erasure;
  const holding = definitions.filter(
    (each) => isInStream(erasure, each.stream) && holdsField(each, field),
  );
  if (holding.length === 0) return;
  const owner = { erasure: id };
  await hold.begin(owner);
  const keys: Uint8Array[] = [];
  try {
    for (let partition = 0; partition < partitions; partition++) {
      for (const definition of holding) {
        keys.push(...(await keysWith(state, partition, tenant, definition, field, value)));
      }
    }
    if (!hold.keep(owner)) {
      throw new AppError('query_timeout', 'looking through open sessions took too long');
    }
    await state.commit(keys.map((key) => ({ key, value: undefined })));
  } finally {
    await hold.release(owner);
  }
  if (keys.length > 0) await pushOut(state, pushedOutKey(), (ms) => sleep(ms));
}

/** Rollups of sessions as if they were of the events that made them: with their stream, and the fields that values were taken from. */
export function asOfEvents({ rollups, sessions = [] }: RollupsControl): RollupDefinition[] {
  return rollups.map((rollup) => {
    const definition = sessionsOf(rollup.stream, sessions);
    if (definition === undefined) return rollup;
    const sources = new Map([
      ['user', definition.user],
      ...takenFields(definition).map(({ name, field }) => [name, field] as const),
    ]);
    const dimensions = rollup.dimensions.map((name) => sources.get(name) ?? name);
    return { ...rollup, stream: definition.stream, dimensions };
  });
}

const holdsField = (definition: SessionDefinition, field: string): boolean =>
  definition.user === field || takenFields(definition).some((each) => each.field === field);

async function keysWith(
  state: StateReader,
  partition: number,
  tenant: string,
  definition: SessionDefinition,
  field: string,
  value: string,
): Promise<Uint8Array[]> {
  const { name } = definition;
  const keys: Uint8Array[] = [];
  if (definition.user === field && isUserName(value)) {
    const key = sessionKey(partition, { tenant, name, user: value });
    const [row] = await state.getMany([key]);
    if (row !== undefined) keys.push(key);
  }
  const places = takenFields(definition).flatMap((each, i) => (each.field === field ? [i] : []));
  if (places.length === 0) return keys;
  const kept = cutText(value);
  for await (const row of scan(state, sessionRange(partition, tenant, name))) {
    const sessions = decodeSessionRow(row.value);
    const isHeld = sessions.some(({ taken }) => places.some((i) => taken[i]?.text === kept));
    if (isHeld) keys.push(row.key);
  }
  return keys;
}
