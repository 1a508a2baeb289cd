/** Replays: rollups rebuilt from single events. */
import { AppError } from '../../src/model/errors.ts';
import { shownName } from '../../src/model/rollup.ts';
import type { ReplayPort, ReplayRecord } from '../../src/query/replay-port.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';
import type { Maybe } from './arguments.ts';

export async function replays(_: unknown, __: unknown, context: GraphContext): Promise<object[]> {
  return portOf(context).list(context.access.tenant).map(shown);
}

export async function startReplay(
  _: unknown,
  args: {
    readonly stream: string;
    readonly from: number;
    readonly to: number;
    readonly rollup?: Maybe<string>;
    readonly apply: boolean;
    readonly allowLoss: boolean;
    readonly share: number;
  },
  context: GraphContext,
): Promise<object> {
  const { stream, from, to, apply, allowLoss, share } = args;
  const { tenant } = context.access;
  const port = portOf(context);
  const range = { fromMs: from, toMs: to };
  const rollup = args.rollup ?? undefined;
  return shown(await port.start({ tenant, stream, rollup, ...range, apply, allowLoss, share }));
}

export async function applyReplay(
  _: unknown,
  { id, allowLoss }: { readonly id: string; readonly allowLoss: boolean },
  context: GraphContext,
): Promise<object> {
  return shown(await portOf(context).apply(context.access.tenant, id, allowLoss));
}

export async function cancelReplay(
  _: unknown,
  { id }: { readonly id: string },
  context: GraphContext,
): Promise<object> {
  return shown(await portOf(context).cancel(context.access.tenant, id));
}

function portOf({ access, services }: GraphContext): ReplayPort {
  demandScope(access, 'admin');
  if (services.replays !== undefined) return services.replays;
  throw new AppError(
    'query_invalid',
    'this server keeps no archive, and without one there is nothing to replay: set "archive.enabled"',
  );
}

function shown({ spec, differences, ...record }: ReplayRecord): object {
  const { rows, rowsTotal, state } = record;
  const isOver = state === 'compared' || state === 'applied';
  return {
    ...record,
    id: spec.id,
    stream: spec.stream,
    rollups: spec.rollups.map(({ name }) => shownName(name)),
    from: spec.fromMs,
    to: spec.toMs,
    state: state.toUpperCase(),
    notes: spec.notes,
    started: spec.startedMs,
    finished: record.finishedMs,
    firstEvent: record.firstEventMs,
    done: isOver ? 1 : Math.min(1, rows / Math.max(1, rowsTotal)),
    differences: differences.map(({ rollup, stepMs, examples, ...rest }) => ({
      ...rest,
      rollup: shownName(rollup),
      step: stepMs,
      examples: examples.map(({ bucketMs, ...example }) => ({ ...example, bucket: bucketMs })),
    })),
  };
}
