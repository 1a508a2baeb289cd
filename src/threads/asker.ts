/** Questions to another thread by name, each with its answer. */
import { AppError, type FaultCode } from '../model/errors.ts';

/** What can be asked: by name, the question and its answer, both plain data. */
export interface Questions {
  readonly [name: string]: { readonly ask: unknown; readonly answer: unknown };
}

/** `id` is the asker's, unique while the question is open. */
export type Question<Q extends Questions> = {
  readonly [Name in keyof Q]: {
    readonly type: 'ask';
    readonly id: number;
    readonly name: Name;
    readonly ask: Q[Name]['ask'];
  };
}[keyof Q];

export type Answer =
  | { readonly type: 'answer'; readonly id: number; readonly ok: true; readonly answer: unknown }
  | ({ readonly type: 'answer'; readonly id: number; readonly ok: false } & PlainFault);

export interface PlainFault {
  /** Undefined for a bug: then it is no fault that a caller could handle. */
  readonly code: FaultCode | undefined;
  readonly message: string;
}

/** Questions that may be open at once. Past it something is stuck, and more would not help. */
const OPEN_MAX = 4_096;

export class Asker<Q extends Questions> {
  readonly #whom: string;
  readonly #post: (question: Question<Q>) => void;
  readonly #open = new Map<number, (answer: Answer | AppError) => void>();
  #asked = 0;
  #gone: AppError | undefined;

  /** `whom` names the other thread in errors. */
  constructor(whom: string, post: (question: Question<Q>) => void) {
    this.#whom = whom;
    this.#post = post;
  }

  /** Rejects with the fault of who answers, `query_timeout`, or `mailbox_full` if too many questions are open. */
  ask<Name extends keyof Q>(
    name: Name,
    ask: Q[Name]['ask'],
    timeoutMs: number,
  ): Promise<Q[Name]['answer']> {
    return new Promise((resolve, reject) => {
      if (this.#gone !== undefined) return reject(this.#gone);
      if (this.#open.size >= OPEN_MAX) {
        return reject(new AppError('mailbox_full', `too many questions wait for ${this.#whom}`));
      }
      const id = this.#asked++;
      const timer = setTimeout(() => {
        this.#settle(
          id,
          new AppError(
            'query_timeout',
            `${this.#whom} did not answer "${String(name)}" within ${timeoutMs} ms`,
          ),
        );
      }, timeoutMs);
      this.#open.set(id, (answer) => {
        clearTimeout(timer);
        if (answer instanceof AppError) reject(answer);
        else if (answer.ok) resolve(answer.answer);
        else if (answer.code === undefined) reject(new Error(answer.message));
        else reject(new AppError(answer.code, answer.message));
      });
      this.#post({ type: 'ask', id, name, ask });
    });
  }

  hear(answer: Answer): void {
    this.#settle(answer.id, answer);
  }

  /** The other thread has ended: nothing will be answered any more. */
  end(fault: AppError): void {
    this.#gone = fault;
    for (const id of [...this.#open.keys()]) this.#settle(id, fault);
  }

  #settle(id: number, answer: Answer | AppError): void {
    const settle = this.#open.get(id);
    this.#open.delete(id);
    settle?.(answer);
  }
}

/** The answer that `work` comes to; never rejects. */
export async function answerOf(id: number, work: () => Promise<unknown>): Promise<Answer> {
  try {
    return { type: 'answer', id, ok: true, answer: await work() };
  } catch (error) {
    return { type: 'answer', id, ok: false, ...plainFault(error) };
  }
}

/** An error as other threads can read it. */
export function plainFault(error: unknown): PlainFault {
  const code = error instanceof AppError ? error.code : undefined;
  return { code, message: error instanceof Error ? error.message : String(error) };
}
