/** Rollups: what is declared, and what tenants declare while the server runs. */
import { AppError } from '../../src/model/errors.ts';
import { isDeclared, type RollupDefinition, shownName } from '../../src/model/rollup.ts';
import type { RollupAges } from '../../src/query/rollup-ages.ts';
import { RollupOverflows } from '../../src/query/rollup-overflows.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';
import { problem } from './alarm-views.ts';
import { type Maybe, plain } from './arguments.ts';
import { startReplay } from './replay.ts';

export function rollups(
  _: unknown,
  { stream }: { readonly stream?: Maybe<string> },
  { access, services }: GraphContext,
): readonly object[] {
  const lookups = lookupsFor(access.tenant, services);
  return services.catalog
    .rollups(access.tenant)
    .filter((rollup) => !stream || rollup.stream === stream)
    .map((rollup) => shownRollup(rollup, lookups));
}

export async function defineRollup(
  _: unknown,
  { input, backfill }: { readonly input: object; readonly backfill: boolean },
  context: GraphContext,
): Promise<object> {
  const { access, services } = context;
  demandScope(access, 'admin');
  const defined = await services.rollups.define(access.tenant, plain(input));
  if (!defined.ok) return { problems: defined.error };
  const answer = { rollup: shownRollup(defined.value, lookupsFor(access.tenant, services)) };
  if (!backfill) return { ...answer, problems: [] };
  try {
    return { ...answer, replay: await rebuilt(defined.value, context), problems: [] };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const message = `the rollup counts from now on, and its history is not rebuilt: ${error.message}`;
    return { ...answer, problems: [problem(message, 'backfill')] };
  }
}

export async function dropRollup(
  _: unknown,
  { name }: { readonly name: string },
  { access, services }: GraphContext,
): Promise<object> {
  demandScope(access, 'admin');
  const dropped = await services.rollups.drop(access.tenant, name);
  if (!dropped.ok) return { done: false, problems: dropped.error };
  const problems = dropped.value ? [] : [problem(`you have declared no rollup "${name}"`, 'name')];
  return { done: dropped.value, problems };
}

/** All that archive and log have. */
async function rebuilt(rollup: RollupDefinition, context: GraphContext): Promise<object> {
  const { clock, rollups: port } = context.services;
  await port.inForce(rollup);
  const range = { stream: rollup.stream, from: 0, to: clock.now(), rollup: shownName(rollup.name) };
  return startReplay(null, { ...range, apply: true, allowLoss: false, share: 1 }, context);
}

/** What has to be looked up of rollups: once for all that one answer shows. */
export interface Lookups {
  readonly ages: RollupAges;
  readonly overflows: RollupOverflows;
}

export const lookupsFor = (
  tenant: string,
  { rollups: port, partitions }: GraphContext['services'],
): Lookups => ({
  ages: port.ages(tenant),
  overflows: new RollupOverflows(tenant, partitions),
});

/** It is looked up if it is asked for. */
export const shownRollup = (rollup: RollupDefinition, { ages, overflows }: Lookups): object => ({
  ...rollup,
  name: shownName(rollup.name),
  declaredIn: isDeclared(rollup) ? 'mutation' : 'config',
  version: async () => (await ages.of(rollup)).version,
  since: async () => (await ages.of(rollup)).sinceMs,
  historyComplete: async () => (await ages.of(rollup)).isComplete,
  overflow: () => overflows.of(rollup),
});
