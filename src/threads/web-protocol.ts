/** What edges ask the thread of visits, and what the main thread tells it. */
import type { MessagePort } from 'node:worker_threads';
import type { LogOptions } from '../logging.ts';
import type { Hit, HitLines, Visit, VisitFields } from '../model/visit.ts';

export interface WebThreadData {
  /** Where the day's salt is. */
  readonly saltFile: string;
  /** Of countries. Undefined: they are not known. */
  readonly geoipFile: string | undefined;
  /** One to each edge. */
  readonly ports: readonly MessagePort[];
  readonly logging: Omit<LogOptions, 'thread'>;
}

export type WebQuestions = {
  readonly fields: { readonly ask: Visit; readonly answer: VisitFields };
  readonly lines: { readonly ask: readonly Hit[]; readonly answer: readonly HitLines[] };
};
