/** What a rollup is: the declaration that config, control blocks, the fold and the planner share. */
import type { SessionDefinition } from './session.ts';

export const MEASURE_OPS = [
  'count',
  'sum',
  'min',
  'max',
  'avg',
  'quantile',
  'distinct',
  'first',
  'last',
  'top',
] as const;
export type MeasureOp = (typeof MEASURE_OPS)[number];

/** `count` counts events and has no field; every other one reads one field. A number says what it is. */
export type NumberMeasure =
  | { readonly op: 'count' }
  | { readonly op: 'sum' | 'min' | 'max' | 'avg'; readonly field: string }
  | { readonly op: 'quantile' | 'distinct' | 'first' | 'last'; readonly field: string };

/** The heaviest values of a field: the most frequent ones, or those with the greatest sum of the number field `by`. */
export interface TopMeasure {
  readonly op: 'top';
  readonly field: string;
  readonly by?: string;
  /** Values that are kept of each series and bucket: what has more than this part of all is surely among them. */
  readonly capacity: number;
}

export type Measure = NumberMeasure | TopMeasure;

/** More make errors smaller, and cost memory and rows in proportion: some 30 to 100 bytes each, for each series and bucket. */
export const TOP_CAPACITY = { min: 10, default: 100, max: 500 } as const;

/** `sum(amount)`, `top(path, bytes)`: as people write it. */
export function measureText(measure: Measure): string {
  if (measure.op === 'count') return measure.op;
  const by = measure.op === 'top' && measure.by !== undefined ? `, ${measure.by}` : '';
  return `${measure.op}(${measure.field}${by})`;
}

export interface Resolution {
  readonly stepMs: number;
  readonly retentionMs: number;
}

/** Keeps events whose `field` (as a label) is one of `in`. All conditions must hold. */
export interface RollupFilter {
  readonly field: string;
  readonly in: readonly string[];
}

export interface RollupDefinition {
  /** Unique in the server; letters, digits, `_` and `-`, at most 64. Of one that a tenant has declared: `declaredName`. */
  readonly name: string;
  readonly stream: string;
  readonly filter: readonly RollupFilter[];
  /** Fields whose values are the labels of a series, in this order; possibly none. */
  readonly dimensions: readonly string[];
  readonly measures: readonly Measure[];
  /** Finest first; each step is a multiple of the one before and divides a day. */
  readonly resolutions: readonly Resolution[];
  /** How long after the newest event a bucket stays open for stragglers. */
  readonly latenessMs: number;
  /** Series per tenant and partition; what is past it goes to the overflow series. */
  readonly seriesMax: number;
  /** Only this tenant's events; absent = every tenant has the rollup for itself. */
  readonly tenant?: string;
  /**
   * A closed bucket never changes: what comes late is counted as late and left out, so that every reader of the log finds
   * the same rows at whatever time it looks. Such a rollup is read by its rows (`src/model/partials.ts`), never by queries.
   */
  readonly frozen?: true;
  /** Those of `dimensions` that are texts with ids in them: `user 123` is labelled `user ?`. */
  readonly normalize?: readonly string[];
}

/** Begins the names of those that tenants declare while the server runs: no name of the configuration has a dot. */
const DECLARED_PREFIX = 'declared.';

/** Two tenants may give rollups of their own the same name. */
export const declaredName = (tenant: string, name: string): string =>
  `${DECLARED_PREFIX}${tenant}.${name}`;

/** Declared while the server ran, and by no configuration. */
export const isDeclared = ({ name }: Pick<RollupDefinition, 'name'>): boolean =>
  name.startsWith(DECLARED_PREFIX);

/** The name as its tenant has given it. Neither it nor the tenant's has a dot. */
export const shownName = (name: string): string =>
  name.startsWith(DECLARED_PREFIX) ? name.slice(name.lastIndexOf('.') + 1) : name;

/** Those that a tenant may ask. Frozen ones are for alarm rules alone. */
export const askedBy =
  (wanted: string) =>
  ({ tenant, frozen }: RollupDefinition): boolean =>
    frozen !== true && (tenant === undefined || tenant === wanted);

/** Equal for definitions that are equal in everything: their rows mean the same and are kept and closed alike. */
export const identityOf = (definition: RollupDefinition): string => JSON.stringify(definition);

/**
 * What decides the meaning of stored rows: definitions that agree on it can share them. The filter does, since a query takes it for
 * granted of every row. Of a frozen rollup that is all but how much is kept: its rows must be what the whole log gives from where
 * it began.
 */
export function rowMeaningOf(definition: RollupDefinition): string {
  const { stream, filter, dimensions, measures, resolutions, tenant, normalize } = definition;
  const steps = resolutions.map(({ stepMs }) => stepMs);
  const frozen = definition.frozen && { latenessMs: definition.latenessMs };
  return JSON.stringify([stream, filter, dimensions, measures, steps, tenant, normalize, frozen]);
}

/** 1 s for 2 h, 1 min for 14 d, 15 min for 2 y. */
export const DEFAULT_RESOLUTIONS: readonly Resolution[] = [
  { stepMs: 1_000, retentionMs: 2 * 3_600_000 },
  { stepMs: 60_000, retentionMs: 14 * 86_400_000 },
  { stepMs: 900_000, retentionMs: 730 * 86_400_000 },
];
export const DEFAULT_LATENESS_MS = 10_000;
export const DEFAULT_SERIES_MAX = 10_000;

/** The body of a control block: the complete set of rollups from this place of the log on. */
export interface RollupsControl {
  readonly type: 'setRollups';
  readonly version: number;
  readonly rollups: readonly RollupDefinition[];
  /** The complete set of these, too; absent where there are none. */
  readonly sessions?: readonly SessionDefinition[];
}
