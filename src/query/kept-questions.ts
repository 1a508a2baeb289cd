/**
 * Questions that were asked before, with what is kept of their answers: dashboards ask the same again and again. The least recently asked go
 * first. A question is the same whatever its range, order and limit are.
 */
import type { RollupDefinition } from '../model/rollup.ts';
import { KeptStretches } from './kept-stretches.ts';
import { KEPT_PART_MAX, KEPT_QUESTION_BYTES, KEPT_SERIES_BYTES } from './limits.ts';
import type { Plan } from './plan.ts';
import type { RowWriteCounts } from './ports.ts';
import type { TimeseriesRequest } from './request.ts';
import { SeriesGroups } from './series-groups.ts';

interface Question {
  readonly rollup: RollupDefinition;
  /** How often rollups had been cleared when it was asked first. */
  readonly clears: number | undefined;
  readonly groups: SeriesGroups;
  /** Undefined: there is no room for any. */
  readonly stretches: KeptStretches | undefined;
  /** As far as it is counted in `#bytes`. */
  bytes: number;
}

export class KeptQuestions {
  readonly #bytesMax: number;
  readonly #writes: RowWriteCounts | undefined;
  /** The least recently asked first. */
  readonly #questions = new Map<string, Question>();
  #bytes = 0;

  /** @param bytesMax 0 keeps nothing */
  constructor(bytesMax: number, writes: RowWriteCounts | undefined) {
    this.#bytesMax = bytesMax;
    this.#writes = writes;
  }

  /** Answers with what is kept of the question, and keeps what that adds. */
  async answer<T>(
    request: TimeseriesRequest,
    plan: Plan,
    ask: (kept: Pick<Question, 'groups' | 'stretches'>) => Promise<T>,
  ): Promise<T> {
    const name = nameOf(request, plan);
    const question = this.#find(name, plan);
    try {
      return await ask(question);
    } finally {
      this.#count(name, question);
    }
  }

  #find(name: string, plan: Plan): Question {
    const known = this.#questions.get(name);
    const clears = this.#writes?.clears();
    // A rollup that was declared anew numbers its series anew.
    if (known?.rollup === plan.rollup && known.clears === clears) return known;
    const bytesMax = this.#bytesMax * KEPT_PART_MAX;
    const stretches = bytesMax > 0 ? new KeptStretches(bytesMax) : undefined;
    return { rollup: plan.rollup, clears, groups: new SeriesGroups(plan), stretches, bytes: 0 };
  }

  #count(name: string, question: Question): void {
    const before = this.#questions.get(name);
    this.#bytes -= before?.bytes ?? 0;
    this.#questions.delete(name);
    const { stretches, groups } = question;
    const around = KEPT_QUESTION_BYTES + 2 * name.length + groups.mapped * KEPT_SERIES_BYTES;
    question.bytes = around + (stretches?.bytes ?? 0);
    if (question.bytes > this.#bytesMax) return;
    this.#questions.set(name, question);
    this.#bytes += question.bytes;
    for (const [oldest, { bytes }] of this.#questions) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#questions.delete(oldest);
      this.#bytes -= bytes;
    }
  }
}

/** All that decides what a stretch of it is merged to, but for the rows. */
function nameOf(request: TimeseriesRequest, { rollup, tiersMs, stepMs }: Plan): string {
  const { tenant, measures, groupBy, where, timeZone, windowMs, only } = request;
  const asked = [tenant, measures, groupBy, where, timeZone, windowMs, only];
  return JSON.stringify([rollup.name, tiersMs[0], stepMs, ...asked]);
}
