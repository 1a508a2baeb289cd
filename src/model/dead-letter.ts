/** Dead letters as threads and the log speak of them: where one lies, that some are dropped. */

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
