/** Which stream each event of a record goes to, where one of its own fields says so. */
import { err, ok, type Result } from '../model/result.ts';
import { isStreamName, STREAM_NAME_RULE } from '../model/stream-name.ts';
import type { SourceFormat } from './options.ts';

export interface StreamLine {
  /** Of its record, from 0. */
  readonly line: number;
  /** Or why there is none. */
  readonly stream: Result<string, string>;
  readonly bytes: Buffer;
}

const NEWLINE = 0x0a;

/**
 * Looks into each event before it is decoded: the decoder is that of one stream. A JSON value is one event; what is no JSON is
 * refused here.
 */
export function* linesByStream(
  value: Buffer,
  field: string,
  format: SourceFormat,
): Generator<StreamLine> {
  if (format !== 'ndjson') {
    yield { line: 0, stream: streamIn(value, field), bytes: value };
    return;
  }
  let line = 0;
  for (let at = 0; at < value.length; line++) {
    const newline = value.indexOf(NEWLINE, at);
    const end = newline === -1 ? value.length : newline;
    const bytes = value.subarray(at, end);
    at = end + 1;
    if (bytes.length > 0 && bytes.toString('latin1').trim() !== '') {
      yield { line, stream: streamIn(bytes, field), bytes };
    }
  }
}

function streamIn(bytes: Buffer, field: string): Result<string, string> {
  let event: unknown;
  try {
    event = JSON.parse(bytes.toString());
  } catch {
    return err(`its stream is in "${field}", and it is no JSON`);
  }
  const isObject = typeof event === 'object' && event !== null && !Array.isArray(event);
  const name: unknown = isObject ? Object.getOwnPropertyDescriptor(event, field)?.value : undefined;
  if (typeof name === 'string' && isStreamName(name)) return ok(name);
  return err(`the field "${field}" names no stream; ${STREAM_NAME_RULE}`);
}
