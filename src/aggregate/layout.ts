/** Which column group of a rollup's rows holds which measure. */
import type { Measure, RollupDefinition } from '../model/rollup.ts';

/** 0 for scalars, 1.. for sketches; undefined if the rollup does not have the measure (avg needs sum or avg). */
export declare function groupOf(def: RollupDefinition, measure: Measure): number | undefined;
