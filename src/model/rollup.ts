/** What a rollup is: the declaration that config, control blocks, the fold and the planner share. */

export const MEASURE_OPS = ['count', 'sum', 'min', 'max', 'avg', 'quantile', 'distinct'] as const;
export type MeasureOp = (typeof MEASURE_OPS)[number];

/** `count` counts events and has no field; every other measure reads one field. */
export type Measure =
  | { readonly op: 'count' }
  | { readonly op: Exclude<MeasureOp, 'count'>; readonly field: string };

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
  /** Unique in the server; letters, digits, `_` and `-`, at most 64. */
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

/** Equal for definitions that are equal in everything: their rows mean the same and are kept and closed alike. */
export const identityOf = (definition: RollupDefinition): string => JSON.stringify(definition);

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
}
