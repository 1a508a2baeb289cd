/** An edge's way to the thread of visits, which may be away: it starts again after a failure, on a new port. */
import type { MessagePort } from 'node:worker_threads';
import { VISIT_TIMEOUT_MS } from '../ingest/limits.ts';
import type { VisitAnswers } from '../ingest/visits.ts';
import { AppError } from '../model/errors.ts';
import type { Hit, HitLines, Visit, VisitFields } from '../model/visit.ts';
import { type Answer, Asker } from './asker.ts';
import type { WebQuestions } from './web-protocol.ts';

const WHOM = 'the web thread';

export class VisitLink implements VisitAnswers {
  #asker: Promise<Asker<WebQuestions>>;
  #connected: (asker: Asker<WebQuestions>) => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Asker<WebQuestions>>();
    this.#asker = promise;
    this.#connected = resolve;
  }

  connect(port: MessagePort): void {
    const asker = new Asker<WebQuestions>(WHOM, (question) => port.postMessage(question));
    port.on('message', (answer: Answer) => asker.hear(answer));
    port.on('close', () => this.#lost(asker));
    this.#connected(asker);
  }

  /** Nobody waits for a thread that is away: an event without its visit is better than one that comes late. */
  async fieldsOf(visit: Visit): Promise<VisitFields | undefined> {
    const asker = await Promise.race([this.#asker, undefined]);
    return asker?.ask('fields', visit, VISIT_TIMEOUT_MS).catch(() => undefined);
  }

  /** Hits can wait for the thread to come back; what it failed on is not asked again. */
  async linesOf(hits: readonly Hit[]): Promise<readonly HitLines[] | undefined> {
    const asker = await this.#asker;
    return asker.ask('lines', hits, VISIT_TIMEOUT_MS).catch(() => undefined);
  }

  #lost(asker: Asker<WebQuestions>): void {
    const { promise, resolve } = Promise.withResolvers<Asker<WebQuestions>>();
    this.#asker = promise;
    this.#connected = resolve;
    asker.end(new AppError('thread_failed', `${WHOM} ended`));
  }
}
