/** What questions about single events are answered with. */
import type { SieveTools } from './file-sieve.ts';
import type { DuckRunner } from './questions.ts';
import type { PartTools } from './segment-parts.ts';

export interface EventTools extends PartTools {
  readonly duck: DuckRunner;
  /** What is left for the question. */
  readonly timeLeftMs: () => number;
}

export interface FindTools extends EventTools, Pick<SieveTools, 'filters' | 'segmentFilters'> {}
