/**
 * Rows for trying a rule that is not at work: an ordinary rollup that keeps its measure by its groups, at a step that
 * divides the rule's, read as if it were the rule's own. Other than those it also has what came late.
 */
import { mergeRows } from '../aggregate/bucket-row.ts';
import { layoutOf, type RowLayout } from '../aggregate/layout.ts';
import { projectScalars } from '../aggregate/row-projection.ts';
import { AppError } from '../model/errors.ts';
import type { PartialBucket, PartialHistory, PartialRow, Partials } from '../model/partials.ts';
import type { Measure, RollupDefinition } from '../model/rollup.ts';
import { isLost, OwnersSeen } from './partition-lost.ts';
import { openSource, type PartitionSource } from './partition-source.ts';
import { type Plan, planTimeseries } from './plan.ts';
import type { RollupCatalog } from './ports.ts';
import { describeMeasure, type TimeseriesRequest } from './request.ts';
import { PartsScan } from './row-scan.ts';
import { SeriesGroups } from './series-groups.ts';
import { ceilTo, floorTo, formatDuration } from './time.ts';
import type { TimeseriesSources } from './timeseries.ts';

/** Rows of one step and column group that wait to be merged: a step of a minute is sixty of a second. */
const UNMERGED_MAX = 8;

export interface RuleRowsSources extends TimeseriesSources {
  readonly catalog: RollupCatalog;
}

/** For all rollups of a rule, by their names. */
export interface RuleRows extends Pick<Partials, 'history'> {
  readonly sinceMs: number;
  readonly closedToMs: number;
  readonly keptMs: number;
}

/** `wanted` are the rule's rollups, as compiled. Throws `query_invalid` with the rollup that would be needed. */
export async function openRuleRows(
  wanted: readonly RollupDefinition[],
  sources: RuleRowsSources,
): Promise<RuleRows> {
  const nowMs = sources.clock.now();
  const sides = await Promise.all(wanted.map((rollup) => Side.open(rollup, sources, nowMs)));
  const byName = new Map(wanted.map(({ name }, i) => [name, sides[i]]));
  return {
    sinceMs: Math.max(...sides.map((side) => side.sinceMs)),
    closedToMs: Math.min(...sides.map((side) => side.closedToMs)),
    keptMs: Math.min(...sides.map((side) => side.keptMs)),
    history: async (name, _stepMs, fromMs, toMs) => byName.get(name)?.history(fromMs, toMs),
  };
}

class Side {
  /** Nothing is known of what came before. */
  readonly sinceMs: number;
  readonly closedToMs: number;
  readonly keptMs: number;
  readonly #sources: RuleRowsSources;
  readonly #nowMs: number;
  readonly #request: TimeseriesRequest;
  readonly #rollup: RollupDefinition;
  readonly #layout: RowLayout;
  readonly #groups: SeriesGroups;

  static async open(
    wanted: RollupDefinition,
    sources: RuleRowsSources,
    nowMs: number,
  ): Promise<Side> {
    const request = requestOf(wanted);
    const stepMs = request.stepMs as number;
    const toMs = floorTo(nowMs, stepMs);
    const plan = planFor(wanted, { ...request, fromMs: toMs - stepMs, toMs }, sources, nowMs);
    const parts = await open(plan, sources, nowMs);
    const closedToMs = floorTo(Math.min(nowMs, ...parts.map((p) => p.watermarkMs)), stepMs);
    if (!Number.isFinite(closedToMs)) {
      throw new AppError('query_timeout', 'a partition does not answer: try the rule again later');
    }
    const beganMs = Math.min(closedToMs, await beginningOf(plan, sources));
    return new Side(wanted, request, plan, sources, nowMs, beganMs, closedToMs);
  }

  constructor(
    wanted: RollupDefinition,
    request: TimeseriesRequest,
    plan: Plan,
    sources: RuleRowsSources,
    nowMs: number,
    beganMs: number,
    closedToMs: number,
  ) {
    this.#sources = sources;
    this.#nowMs = nowMs;
    this.#request = request;
    this.#rollup = plan.rollup;
    this.#layout = layoutOf(wanted);
    this.#groups = new SeriesGroups(plan);
    this.keptMs = Math.max(...dividing(plan).map(({ retentionMs }) => retentionMs));
    const { stepMs } = plan;
    this.sinceMs = Math.max(floorTo(beganMs, stepMs), ceilTo(nowMs - this.keptMs, stepMs));
    this.closedToMs = closedToMs;
  }

  /** Undefined: a partition does not answer. */
  async history(fromMs: number, toMs: number): Promise<PartialHistory | undefined> {
    const { labels: groups } = this.#groups;
    const knownMs = Math.max(fromMs, this.sinceMs);
    if (knownMs >= toMs) return { buckets: [], groups };
    const request = { ...this.#request, fromMs: knownMs, toMs };
    const plan = planTimeseries(request, [this.#rollup], this.#nowMs);
    const owners = new OwnersSeen(this.#sources.partitions);
    const parts = await open(plan, this.#sources, this.#nowMs);
    if (parts.some(({ answered }) => !answered)) return undefined;
    const steps = new Steps();
    try {
      await this.#read(plan, parts, steps);
    } catch (error) {
      if (isLost(error)) return undefined;
      throw error;
    }
    if (!parts.every(({ partition }) => owners.isSame(partition))) return undefined;
    return { buckets: steps.read((...row) => this.#readAs(...row)), groups };
  }

  async #read(plan: Plan, parts: readonly PartitionSource[], steps: Steps): Promise<void> {
    const { tables, stored } = this.#sources;
    for (const { partition, newSeries } of parts) {
      this.#groups.extend(partition, await tables.read(partition, plan.tenant, plan.rollup));
      this.#groups.extend(partition, newSeries);
    }
    this.#groups.checkRoom(plan);
    // Events are always counted with what is measured.
    const whole = { ...plan, groups: [...new Set([0, ...plan.groups])] };
    const rows = new PartsScan(whole, parts, stored, plan.fromMs, plan.toMs);
    await rows.visit((partition, bucketMs, group, row) =>
      steps.add(floorTo(bucketMs, plan.stepMs), partition, group, row),
    );
  }

  /** As a row of the rule's rollup, which has one measure. */
  #readAs(partition: number, group: number, row: Uint8Array): PartialRow | undefined {
    const isScalar = group === 0;
    const bytes = isScalar ? projectScalars(row, layoutOf(this.#rollup), this.#layout) : row;
    if (bytes === undefined) return undefined;
    return {
      partition,
      group: isScalar ? 0 : 1,
      bytes,
      outputOf: this.#groups.slotsOf(partition)[0] as Int32Array,
    };
  }
}

/** Rows of steps that may each be several of the rollup's. */
class Steps {
  readonly #steps = new Map<number, Map<string, Uint8Array[]>>();

  add(stepMs: number, partition: number, group: number, row: Uint8Array): void {
    const step = this.#steps.get(stepMs) ?? new Map<string, Uint8Array[]>();
    this.#steps.set(stepMs, step);
    const key = `${partition}/${group}`;
    const rows = step.get(key) ?? [];
    rows.push(Uint8Array.from(row));
    step.set(key, rows.length < UNMERGED_MAX ? rows : [merged(rows)]);
  }

  read(
    as: (partition: number, group: number, row: Uint8Array) => PartialRow | undefined,
  ): PartialBucket[] {
    return [...this.#steps]
      .sort(([a], [b]) => a - b)
      .map(([bucketMs, step]) => ({
        bucketMs,
        rows: Array.from(step, ([key, rows]) => {
          const [partition = 0, group = 0] = key.split('/').map(Number);
          return as(partition, group, merged(rows));
        }).filter((row) => row !== undefined),
      }));
  }
}

function merged([first, ...others]: readonly Uint8Array[]): Uint8Array {
  return first === undefined ? new Uint8Array() : mergeRows(first, ...others);
}

const open = (plan: Plan, sources: RuleRowsSources, nowMs: number): Promise<PartitionSource[]> =>
  Promise.all(
    Array.from({ length: sources.partitions.partitions }, (_, partition) =>
      openSource(partition, plan, sources.partitions, sources.stored, nowMs),
    ),
  );

const dividing = ({ rollup, stepMs }: Plan) =>
  rollup.resolutions.filter((tier) => stepMs % tier.stepMs === 0);

/** The first bucket with events at any of the steps that can be read; Infinity if there is none. */
async function beginningOf(plan: Plan, sources: RuleRowsSources): Promise<number> {
  const { tenant, rollup } = plan;
  const firsts: Promise<number | undefined>[] = [];
  for (const { stepMs } of dividing(plan)) {
    for (let partition = 0; partition < sources.partitions.partitions; partition++) {
      firsts.push(sources.stored.firstBucketMs({ partition, tenant, rollup: rollup.name, stepMs }));
    }
  }
  return Math.min(...(await Promise.all(firsts)).filter((first) => first !== undefined));
}

/** The question whose answer would be the rule's values. */
function requestOf({
  tenant = '',
  stream,
  filter,
  dimensions,
  measures,
  resolutions,
}: RollupDefinition): TimeseriesRequest {
  const [{ op, ...of }] = [measures[0] ?? { op: 'count' as const }];
  return {
    tenant,
    stream,
    stepMs: resolutions[0]?.stepMs ?? 1,
    // Any quantile is read from the same rows.
    measures: [{ op, ...of, ...(op === 'quantile' && { q: 0.5 }) }],
    groupBy: dimensions,
    ...(filter.length > 0 && {
      where: { and: filter.map(({ field, in: values }) => ({ field, in: values })) },
    }),
  };
}

function planFor(
  wanted: RollupDefinition,
  request: TimeseriesRequest,
  { catalog }: RuleRowsSources,
  nowMs: number,
): Plan {
  if (wanted.normalize !== undefined) {
    throw unanswerable(wanted, 'texts are normalized by the rule itself');
  }
  try {
    const { tenant } = request;
    const since = (rollup: RollupDefinition) => catalog.sinceMs(tenant, rollup);
    return planTimeseries(request, catalog.rollups(tenant), nowMs, since);
  } catch (error) {
    if (error instanceof AppError) throw unanswerable(wanted, error.message);
    throw error;
  }
}

function unanswerable(wanted: RollupDefinition, why: string): AppError {
  const { stream, filter, dimensions, measures, resolutions } = wanted;
  const fields = [...new Set([...dimensions, ...filter.map(({ field }) => field)])];
  const measure: Measure = measures[0] ?? { op: 'count' };
  return new AppError(
    'query_invalid',
    `the rule cannot be tried, ${why}. Needed is a rule at work that counts the same, or a rollup of stream "${stream}" ` +
      `with dimensions [${fields.join(', ')}], measure ${describeMeasure(measure)} and a resolution that divides ` +
      formatDuration(resolutions[0]?.stepMs ?? 1),
  );
}
