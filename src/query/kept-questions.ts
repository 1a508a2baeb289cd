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
import { WrittenBlocks } from './written-blocks.ts';

interface Question {
  readonly name: string;
  readonly rollup: RollupDefinition;
  /** How often rollups had been cleared when it was asked first. */
  readonly clears: number | undefined;
  readonly groups: SeriesGroups;
  /** Undefined: there is no room for any. */
  readonly stretches: KeptStretches | undefined;
  /** Grows also once the answer is given, as it is written. */
  readonly written: WrittenBlocks | undefined;
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
    ask: (kept: Pick<Question, 'groups' | 'stretches' | 'written'>) => Promise<T>,
  ): Promise<T> {
    const question = this.#find(nameOf(request, plan), plan);
    try {
      return await ask(question);
    } finally {
      this.#count(question);
    }
  }

  #find(name: string, plan: Plan): Question {
    const known = this.#questions.get(name);
    const clears = this.#writes?.clears();
    // A rollup that was declared anew numbers its series anew.
    if (known?.rollup === plan.rollup && known.clears === clears) return known;
    const stretches = this.#bytesMax > 0 ? new KeptStretches(this.#partMax) : undefined;
    const written =
      stretches && new WrittenBlocks(stretches, (bytes) => this.#mayWrite(question, bytes));
    const groups = new SeriesGroups(plan);
    const question: Question = {
      name,
      rollup: plan.rollup,
      clears,
      groups,
      stretches,
      written,
      bytes: 0,
    };
    return question;
  }

  #count(question: Question): void {
    const { name, written, groups } = question;
    const before = this.#questions.get(name);
    this.#bytes -= before?.bytes ?? 0;
    this.#questions.delete(name);
    if (bytesIn(question) > this.#partMax) written?.clear();
    const around = KEPT_QUESTION_BYTES + 2 * name.length + groups.mapped * KEPT_SERIES_BYTES;
    question.bytes = around + bytesIn(question);
    if (question.bytes > this.#bytesMax) return;
    this.#questions.set(name, question);
    this.#bytes += question.bytes;
    this.#makeRoom();
  }

  /** Texts take what stretches have left: a text is written again in less time than a stretch is merged. */
  #mayWrite(question: Question, bytes: number): boolean {
    const isKept = this.#questions.get(question.name) === question;
    if (!isKept || bytesIn(question) + bytes > this.#partMax) return false;
    question.bytes += bytes;
    this.#bytes += bytes;
    this.#makeRoom();
    return true;
  }

  get #partMax(): number {
    return this.#bytesMax * KEPT_PART_MAX;
  }

  #makeRoom(): void {
    for (const [oldest, { bytes }] of this.#questions) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#questions.delete(oldest);
      this.#bytes -= bytes;
    }
  }
}

const bytesIn = ({ stretches, written }: Question): number =>
  (stretches?.bytes ?? 0) + (written?.bytes ?? 0);

/** All that decides what a stretch of it is merged to, but for the rows. */
function nameOf(request: TimeseriesRequest, { rollup, tiersMs, stepMs }: Plan): string {
  const { tenant, measures, groupBy, where, timeZone, windowMs, only } = request;
  const asked = [tenant, measures, groupBy, where, timeZone, windowMs, only];
  return JSON.stringify([rollup.name, tiersMs[0], stepMs, ...asked]);
}
