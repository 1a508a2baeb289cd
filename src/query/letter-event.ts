/** The event that a dead letter becomes when it is sent again. */
import { REJECTION, type RejectionCode } from '../model/errors.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { DeadLetterView } from './system.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Undefined if it is no UTF-8 text, which may be the very reason why it was refused. */
export function textOfLetter(raw: Uint8Array): string | undefined {
  try {
    return utf8.decode(raw);
  } catch {
    return undefined;
  }
}

export interface NoEvent {
  readonly code: RejectionCode;
  readonly message: string;
}

/**
 * The fixed text, or what was received, as one JSON object with an id: its own, or one made of the letter's, so that
 * it counts once however often it is sent. Without a time of its own it happened when the letter came.
 */
export function eventOfLetter(
  { id, arrivalMs, raw }: Pick<DeadLetterView, 'id' | 'arrivalMs' | 'raw'>,
  fixed: string | undefined,
): Result<string, NoEvent> {
  const text = (fixed ?? textOfLetter(raw))?.replace(/^\ufeff/, '').trim();
  if (text === undefined) return err(rejected('invalid_utf8', SEND_FIXED));
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return err(rejected('invalid_json', fixed === undefined ? `${why}; ${SEND_FIXED}` : why));
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    return err(rejected('not_an_object'));
  }
  // Behind the others: of two members with one name the later counts, here as for the decoder.
  const members = [
    ...(isGiven(event, 'id') ? [] : [`"id":"dead-letter:${id}"`]),
    ...(isGiven(event, 'ts') ? [] : [`"ts":${arrivalMs}`]),
  ];
  if (members.length === 0) return ok(text);
  const comma = Object.keys(event).length === 0 ? '' : ',';
  return ok(`${text.slice(0, -1)}${comma}${members.join(',')}}`);
}

const SEND_FIXED =
  'what was received is no whole event (4 KiB of it are kept): send it fixed, as "text"';

const isGiven = (event: object, name: string): boolean =>
  Object.entries(event).some(([each, value]) => each === name && value !== null);

const rejected = (code: RejectionCode, detail?: string): NoEvent => ({
  code,
  message: detail === undefined ? REJECTION[code] : `${REJECTION[code]}: ${detail}`,
});
