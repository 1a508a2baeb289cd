/** What can be done with dead letters besides reading pages of them: counted, exported, sent again. */
import type { StateReader } from '../../storage/state/state.ts';
import { type ByteSource, endingWith } from '../model/byte-source.ts';
import { AppError } from '../model/errors.ts';
import type {
  EventsToSend,
  EventToSend,
  SendRefusal,
  SentEvent,
  SentEvents,
} from '../model/event-to-send.ts';
import { Turns } from '../model/turns.ts';
import { isCommittedBy } from './committed-by.ts';
import { placeOf } from './dead-letter-order.ts';
import { Gate } from './gate.ts';
import { eventOfLetter, textOfLetter } from './letter-event.ts';
import { allLetters, isWanted, lettersById } from './letter-pages.ts';
import {
  LETTER_COUNTERS,
  LETTER_COUNTS_MAX,
  LETTER_EXPORTS_MAX,
  LETTER_EXPORTS_PER_TENANT_MAX,
  LETTER_SENDERS_MAX,
  LETTER_SENDERS_PER_TENANT_MAX,
  LETTERS_COUNTED_MAX,
  LETTERS_SENT_MAX,
} from './limits.ts';
import { Places } from './places.ts';
import type { DeadLetterFilter, DeadLetterView } from './system.ts';

export interface LetterCount {
  readonly stream: string;
  readonly code: string;
  readonly letters: number;
  /** When the first and the last of them came. */
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface LetterCounts {
  /** Most letters first. */
  readonly counts: readonly LetterCount[];
  /** False: there are more letters than are counted, or more kinds of them than are told. */
  readonly isComplete: boolean;
}

export interface WantedLetter {
  readonly id: string;
  /** Undefined: what was received is sent as it is. */
  readonly text: string | undefined;
}

/** `gone`: it is not kept any more, perhaps because it was sent before. */
export type ResentLetter = { readonly id: string } & (SentEvent | { readonly outcome: 'gone' });

export type Resent =
  | { readonly ok: true; readonly letters: readonly ResentLetter[]; readonly position: string }
  | { readonly ok: false; readonly refusal: SendRefusal };

export interface LettersPort {
  /** One call of a tenant after the other; rejects with `query_overload` if too many wait. */
  counts(filter: DeadLetterFilter): Promise<LetterCounts>;
  /**
   * NDJSON, a letter a line. Its memory is a page of letters, however many there are. Throws `query_overload` while
   * `LETTER_EXPORTS_MAX` others run, or too many of the tenant: whoever is answered reads to the end or closes.
   */
  export(filter: DeadLetterFilter): ByteSource;
  /**
   * At most `LETTERS_SENT_MAX`. What went through is dropped from the letters. Throws `query_invalid` for what is no id or there
   * twice, and `query_overload` if too many, or too many of the tenant, send already.
   */
  resend(tenant: string, wanted: readonly WantedLetter[]): Promise<Resent>;
}

export interface LettersOptions {
  /** Of all partitions. */
  readonly state: StateReader;
  readonly partitions: number;
  readonly send: (events: EventsToSend) => Promise<SentEvents>;
  /** How far each partition has committed. */
  readonly committed: (partition: number) => number;
}

/** A partition commits at once what drops letters; whoever asks sooner may still see them. */
const COMMITTED_TIMEOUT_MS = 2_000;
const COMMITTED_POLL_MS = 5;
/** Of an export, in UTF-16 units. */
const PIECE_LENGTH = 64 * 1024;

export class Letters implements LettersPort {
  readonly #options: LettersOptions;
  /** By tenant: one call after the other, so that none sends what another one is just sending. Others do not wait for them. */
  readonly #turns = new Turns<string>();
  readonly #senders = new Places(
    { max: LETTER_SENDERS_MAX, maxEach: LETTER_SENDERS_PER_TENANT_MAX },
    (own) =>
      `${own} calls send dead letters already, of at most ${LETTER_SENDERS_PER_TENANT_MAX} a tenant and ${LETTER_SENDERS_MAX} in all: send these again later`,
  );
  readonly #exports = new Places(
    { max: LETTER_EXPORTS_MAX, maxEach: LETTER_EXPORTS_PER_TENANT_MAX },
    (own) =>
      `${own} exports of dead letters run already, of at most ${LETTER_EXPORTS_PER_TENANT_MAX} a tenant and ${LETTER_EXPORTS_MAX} in all: ask again when one has ended`,
  );
  readonly #counters = new Gate(LETTER_COUNTERS);

  constructor(options: LettersOptions) {
    this.#options = options;
  }

  counts(filter: DeadLetterFilter): Promise<LetterCounts> {
    return this.#counters.run(filter.tenant, () => this.#count(filter));
  }

  export(filter: DeadLetterFilter): ByteSource {
    const { state, partitions } = this.#options;
    const leave = this.#exports.enter(filter.tenant);
    const letters = allLetters(state, partitions, filter.tenant);
    const pieces: ByteSource = {
      next: () => pieceOf(letters, filter),
      close: () => void letters.return(undefined).catch(() => {}),
    };
    return endingWith(pieces, leave);
  }

  async resend(tenant: string, wanted: readonly WantedLetter[]): Promise<Resent> {
    checkWanted(wanted);
    const leave = this.#senders.enter(tenant);
    return this.#turns.take(tenant, () => this.#send(tenant, wanted)).finally(leave);
  }

  async #count(filter: DeadLetterFilter): Promise<LetterCounts> {
    const { state, partitions } = this.#options;
    const counts = new Map<string, LetterCount>();
    // Each partition keeps its part, rounded up.
    let left = LETTERS_COUNTED_MAX + partitions;
    for await (const letter of allLetters(state, partitions, filter.tenant)) {
      if (left-- === 0) break;
      if (!isWanted(letter, filter)) continue;
      const { stream, code, arrivalMs } = letter;
      const key = `${stream}\0${code}`;
      const { letters, firstMs, lastMs } = counts.get(key) ?? NO_LETTERS;
      counts.set(key, {
        ...{ stream, code, letters: letters + 1 },
        firstMs: Math.min(firstMs, arrivalMs),
        lastMs: Math.max(lastMs, arrivalMs),
      });
    }
    const most = [...counts.values()].sort((a, b) => b.letters - a.letters);
    const isComplete = left >= 0 && most.length <= LETTER_COUNTS_MAX;
    return { counts: most.slice(0, LETTER_COUNTS_MAX), isComplete };
  }

  async #send(tenant: string, wanted: readonly WantedLetter[]): Promise<Resent> {
    const { state, partitions, send } = this.#options;
    const ids = wanted.map(({ id }) => id);
    const found = await lettersById(state, tenant, ids, partitions);
    const judged = wanted.map(({ id, text }, i) => judge(id, found[i], text));
    const events = judged.flatMap((one) => ('event' in one ? [one] : []));
    const sent = events.length === 0 ? NOTHING_SENT : await send({ tenant, events });
    if (!sent.ok) return sent;
    await this.#committed(sent.dropPosition);
    const outcomes = sent.events.values();
    return {
      ok: true,
      position: sent.position,
      letters: judged.map((one, i) => ({
        id: ids[i] as string,
        ...('event' in one ? (outcomes.next().value as SentEvent) : one),
      })),
    };
  }

  /** Past its time it answers all the same: nothing counts twice. */
  async #committed(position: string): Promise<void> {
    const { committed } = this.#options;
    const endMs = performance.now() + COMMITTED_TIMEOUT_MS;
    await isCommittedBy(endMs, position, committed, COMMITTED_POLL_MS);
  }
}

const NO_LETTERS = {
  letters: 0,
  firstMs: Number.POSITIVE_INFINITY,
  lastMs: Number.NEGATIVE_INFINITY,
};

const NOTHING_SENT: SentEvents = { ok: true, events: [], position: '', dropPosition: '' };

type Judged = EventToSend | SentEvent | { readonly outcome: 'gone' };

function judge(id: string, letter: DeadLetterView | undefined, text: string | undefined): Judged {
  if (letter === undefined) return { outcome: 'gone' };
  const event = eventOfLetter(letter, text);
  if (!event.ok) return { outcome: 'refused', ...event.error };
  return { letter: placeOf(id), stream: letter.stream, event: event.value };
}

function checkWanted(wanted: readonly WantedLetter[]): void {
  if (!(wanted.length >= 1 && wanted.length <= LETTERS_SENT_MAX)) {
    throw new AppError(
      'query_invalid',
      `1 to ${LETTERS_SENT_MAX} letters are sent at a time, received ${wanted.length}`,
    );
  }
  const ids = new Set<string>();
  for (const { id } of wanted) {
    if (ids.has(id)) throw new AppError('query_invalid', `the letter "${id}" is there twice`);
    ids.add(id);
  }
}

/** Undefined at the end. */
async function pieceOf(
  letters: AsyncGenerator<DeadLetterView>,
  filter: DeadLetterFilter,
): Promise<Buffer | undefined> {
  let lines = '';
  while (lines.length < PIECE_LENGTH) {
    const { done, value } = await letters.next();
    if (done === true) break;
    if (isWanted(value, filter)) lines += `${JSON.stringify(lineOf(value))}\n`;
  }
  return lines === '' ? undefined : Buffer.from(lines);
}

/** As the export has it; `text` can be changed and the line be sent again. */
function lineOf({ id, arrivalMs, stream, code, message, line, raw }: DeadLetterView): object {
  const text = textOfLetter(raw);
  const base64 = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64');
  const arrival = new Date(arrivalMs).toISOString();
  const received = text === undefined ? { base64 } : { text };
  return { id, arrival, stream, code, message, line, ...received };
}
