/** What the handlers of one edge share; made once, by the server. */
import type { AdmissionRules } from './admission.ts';
import type { AppliedWaits } from './applied.ts';
import type { Coalescer } from './coalescer.ts';
import type { Counters } from './counters.ts';
import type { Inflater } from './inflate.ts';
import type { Pieces } from './pieces.ts';
import type { BodyRules } from './receive-body.ts';
import type { RefusalLog } from './refusal-log.ts';
import type { WebPages } from './visits.ts';

export interface EdgeContext {
  readonly rules: AdmissionRules;
  readonly bodyRules: BodyRules;
  readonly coalescer: Coalescer;
  readonly pieces: Pieces;
  readonly inflater: Inflater;
  readonly applied: AppliedWaits;
  readonly counters: Counters;
  readonly refusalLog: RefusalLog;
  /** Undefined: nothing is made of visits. */
  readonly pages: WebPages | undefined;
  /** Why this edge should get no traffic now; undefined if it should. */
  readonly unreadyReason: () => string | undefined;
  /** What else is to be told when it should. */
  readonly readyNote: () => string | undefined;
}
