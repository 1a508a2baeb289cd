/** Checkpoints: looked at, and taken on request. */
import type { CheckpointNumbers } from '../../src/query/checkpoint-port.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';

export function checkpoints(
  _: unknown,
  __: unknown,
  { access, services }: GraphContext,
): object | null {
  demandScope(access, 'admin');
  return shown(services.checkpoints?.numbers());
}

export async function takeCheckpoint(
  _: unknown,
  __: unknown,
  { access, services }: GraphContext,
): Promise<object | null> {
  demandScope(access, 'admin');
  return shown(await services.checkpoints?.take());
}

function shown(numbers: CheckpointNumbers | undefined): object | null {
  if (numbers === undefined) return null;
  const { partitions, oldestKeptMs, isServerBehind, isFenced, ...rest } = numbers;
  return {
    ...rest,
    oldestKept: oldestKeptMs,
    serverBehind: isServerBehind,
    fenced: isFenced,
    partitions: partitions.map(({ coveredMs, ...part }) => ({ ...part, covered: coveredMs })),
  };
}
