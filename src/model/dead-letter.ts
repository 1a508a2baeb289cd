/** Dead letters as threads and the log speak of them: where one lies, that some are dropped, that some are sent again. */

/** Where a letter lies: the block that brought it, and its row there. */
export interface LetterAt {
  readonly partition: number;
  readonly offset: number;
  readonly row: number;
}

/** Control of one partition: these letters of the tenant are not kept any more. */
export interface DropLettersControl {
  readonly type: 'dropDeadLetters';
  readonly tenant: string;
  /** Offset and row of each. */
  readonly letters: readonly (readonly [offset: number, row: number])[];
}

export const isDropLettersControl = (value: unknown): value is DropLettersControl =>
  typeof value === 'object' &&
  value !== null &&
  'type' in value &&
  value.type === 'dropDeadLetters' &&
  'tenant' in value &&
  typeof value.tenant === 'string' &&
  'letters' in value &&
  Array.isArray(value.letters) &&
  value.letters.every(
    (at) => Array.isArray(at) && at.length === 2 && at.every((n) => Number.isSafeInteger(n)),
  );

/** A letter as an event that has an id: whatever becomes of this attempt, it counts once. */
export interface LetterToSend {
  readonly at: LetterAt;
  readonly stream: string;
  /** One JSON object. */
  readonly event: string;
}

/** Letters of one tenant, for an edge. */
export interface LettersToSend {
  readonly tenant: string;
  readonly letters: readonly LetterToSend[];
}

/** `accepted`: durable, and not seen to be applied in time. Codes of `refused` are those of the ingest answer. */
export type SentLetter =
  | { readonly outcome: 'applied' | 'duplicate' | 'accepted' }
  | { readonly outcome: 'refused'; readonly code: string; readonly message: string };

/** Why nothing was sent, or it is not known that all of it was: sending the same again counts nothing twice. */
export interface SendRefusal {
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs?: number;
}

export type SentLetters =
  | {
      readonly ok: true;
      /** In the order of the letters. */
      readonly letters: readonly SentLetter[];
      /** Behind the events, and behind the control blocks that drop their letters; empty while they are spooled. */
      readonly position: string;
      /** Behind the control blocks alone. */
      readonly dropPosition: string;
    }
  | { readonly ok: false; readonly refusal: SendRefusal };
