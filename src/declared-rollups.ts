/** The rollups that tenants have declared while the server ran: which there are, and why one cannot be added. Pure. */
import type { Rollup } from './config/rollups.ts';
import type { AlarmProblem } from './model/alarm-board.ts';
import { declaredName, type Measure, type RollupDefinition, shownName } from './model/rollup.ts';
import { DAY_MS } from './model/units.ts';

/** Of a tenant. Each is folded for every event of its stream: about a tenth of a microsecond, and its buckets in memory. */
export const DECLARED_PER_TENANT_MAX = 20;
/** Of all tenants: with their definitions at their longest, 1 MiB of each control block. */
export const DECLARED_MAX = 128;
const DEFINITION_CHARS_MAX = 8_192;
/** Per tenant and partition, a tenth of what the configuration may allow: whoever runs the server knows its memory. */
const SERIES_MAX = 100_000;
/**
 * Of all rollups of a tenant, per partition and open bucket: series, of which each sketch measure (quantile, distinct) counts as so
 * many more. A sketch has up to kilobytes, most have far less.
 */
const SERIES_SUM_MAX = 500_000;
const SKETCH_SERIES = 10;
/** Of the finest resolution, for as long as they wait for late events: each is in memory. */
const OPEN_BUCKETS_MAX = 600;
/** Of one resolution: a second for 5 days, a minute for 300, a quarter of an hour for 12 years. Each is a row in every partition. */
const BUCKETS_MAX = 450_000;
const RETENTION_MS_MAX = 10 * 365 * DAY_MS;

/** Those in effect: where the configuration has come to have the name of one, it counts alone. */
export const declaredInEffect = (
  configured: readonly RollupDefinition[],
  declared: readonly RollupDefinition[],
): RollupDefinition[] => {
  const own = new Set(configured.map(({ name }) => name));
  return declared.filter(({ name }) => !own.has(shownName(name)));
};

/** The keys in one fixed order: it is part of a definition's identity. */
export const definitionOf = (tenant: string, rollup: Rollup): RollupDefinition => ({
  name: declaredName(tenant, rollup.name),
  stream: rollup.stream,
  filter: rollup.filter,
  dimensions: rollup.dimensions,
  measures: rollup.measures,
  resolutions: rollup.resolutions,
  latenessMs: rollup.latenessMs,
  seriesMax: rollup.seriesMax,
  tenant,
});

/** What keeps the tenant from adding it to those that are declared, or from putting it in the place of one. */
export function problemsOfDefinition(
  definition: RollupDefinition,
  declared: readonly RollupDefinition[],
): AlarmProblem[] {
  const others = declared.filter(({ name }) => name !== definition.name);
  const own = others.filter(({ tenant }) => tenant === definition.tenant);
  const problems: AlarmProblem[] = [];
  const refuseIf = (wrong: boolean, path: string, message: string): void => {
    if (wrong) problems.push({ path, message });
  };
  refuseIf(
    own.length >= DECLARED_PER_TENANT_MAX,
    '',
    `a tenant may declare at most ${DECLARED_PER_TENANT_MAX} rollups: drop another one first`,
  );
  refuseIf(
    others.length >= DECLARED_MAX,
    '',
    `all tenants together may declare at most ${DECLARED_MAX} rollups: more are for the configuration`,
  );
  refuseIf(
    JSON.stringify(definition).length > DEFINITION_CHARS_MAX,
    '',
    `expected at most ${DEFINITION_CHARS_MAX} characters, as JSON: use shorter filters`,
  );
  refuseIf(
    definition.seriesMax > SERIES_MAX,
    'seriesMax',
    `expected at most ${SERIES_MAX}, received ${definition.seriesMax}: more is for the configuration`,
  );
  const taken = own.reduce((sum, each) => sum + weightOf(each), 0);
  refuseIf(
    taken + weightOf(definition) > SERIES_SUM_MAX,
    'seriesMax',
    `expected at most ${SERIES_SUM_MAX} series over all rollups of the tenant, ${SKETCH_SERIES} more for each with every quantile or distinct; the others have ${taken}, received ${weightOf(definition)}: lower it, drop another rollup, or have the configuration declare it`,
  );
  const finestMs = definition.resolutions[0]?.stepMs ?? 1;
  refuseIf(
    definition.latenessMs > OPEN_BUCKETS_MAX * finestMs,
    'lateness',
    `expected at most ${OPEN_BUCKETS_MAX} buckets of ${finestMs / 1_000} s, the finest step, received ${definition.latenessMs / 1_000} s: take a longer step, or have the configuration declare it`,
  );
  definition.resolutions.forEach(({ stepMs, retentionMs }, i) => {
    const path = `resolutions[${i}].retention`;
    const most = Math.min(RETENTION_MS_MAX, stepMs * BUCKETS_MAX);
    refuseIf(
      retentionMs > most,
      path,
      `expected at most ${Math.floor(most / DAY_MS)} days of buckets of ${stepMs / 1_000} s, received ${retentionMs / DAY_MS} days: more is for the configuration`,
    );
  });
  return problems;
}

const weightOf = ({ seriesMax, measures }: RollupDefinition): number =>
  seriesMax * (1 + SKETCH_SERIES * measures.filter(isSketch).length);

const isSketch = ({ op }: Measure): boolean => op === 'quantile' || op === 'distinct';
