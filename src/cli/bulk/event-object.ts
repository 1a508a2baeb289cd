/** Records whose fields have names: lines of NDJSON, rows of CSV, with what the user says of their type and time. */
import { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { AppError } from '../../model/errors.ts';
import { withId } from './event-id.ts';
import {
  type EventShape,
  type ImportFormat,
  latin1Of,
  type MadeEvent,
  ofLines,
  shortened,
  Unreadable,
  writeEvent,
} from './import-format.ts';
import { epochMs, timeMs } from './log-time.ts';
import { textLines } from './text-lines.ts';

type Fields = Readonly<Record<string, unknown>>;

export function ndjson(given: EventShape): ImportFormat {
  const shape = asLatin1(given);
  const isAsItIs = Object.values(shape).every((value) => value === undefined);
  return ofLines((line, id) => {
    if (/^\s*$/.test(line)) return undefined;
    if (isAsItIs) return withId(line, id);
    const fields = objectIn(line);
    if (fields !== undefined) return eventOf(fields, shape, id);
    return new Unreadable(`expected an object of JSON, received ${shortened(line)}`);
  });
}

/** As RFC 4180 has it; the first row has the names. */
export function csv(delimiter: string, given: EventShape): ImportFormat {
  const shape = asLatin1(given);
  return {
    async *pages(input, name, takesUnended) {
      let names: readonly string[] | undefined;
      for await (const rows of csvRows(textLines(input, name, takesUnended), name, delimiter)) {
        names ??= rows[0] as readonly string[];
        const known = names;
        yield {
          count: rows.length,
          write: (i, id, out) =>
            writeEvent(rowEvent(rows[i] as string[], known, shape, id.text()), out),
        };
      }
    },
  };
}

function rowEvent(
  row: readonly string[],
  names: readonly string[],
  shape: EventShape,
  id: string,
): MadeEvent {
  if (row === names || (row.length === 1 && row[0] === '')) return undefined;
  if (row.length !== names.length) {
    return new Unreadable(`expected ${names.length} values, received ${row.length}`);
  }
  const fields: Record<string, unknown> = {};
  for (const [i, name] of names.entries()) {
    const value = row[i] as string;
    if (value !== '') fields[name] = TEXTS.has(name) ? value : scalarOf(value);
  }
  return eventOf(fields, shape, id);
}

/** Rows that are told at once: fewer cost turns. */
const ROWS = 1_000;
/** A quote without its end takes all that follows for one value. */
const ROW_BYTES_MAX = 2 ** 20;
/** What an event needs as text, whatever it looks like. */
const TEXTS = new Set(['id', 'type', 'key', 'user']);
const NUMBER = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$/;

async function* csvRows(
  texts: AsyncIterable<string>,
  name: string,
  delimiter: string,
): AsyncGenerator<readonly (readonly string[])[]> {
  const source = Readable.from(latin1Bytes(texts));
  const parser = parse({
    encoding: 'latin1',
    delimiter,
    relax_column_count: true,
    max_record_size: ROW_BYTES_MAX,
  });
  source.on('error', (error) => parser.destroy(error));
  let rows: string[][] = [];
  try {
    for await (const row of source.pipe(parser)) {
      rows.push(row);
      if (rows.length < ROWS) continue;
      yield rows;
      rows = [];
    }
  } catch (cause) {
    if (cause instanceof AppError || !(cause instanceof Error)) throw cause;
    throw new AppError('input_damaged', `${name} is no CSV: ${cause.message}`, {}, cause);
  } finally {
    source.destroy();
  }
  if (rows.length > 0) yield rows;
}

async function* latin1Bytes(texts: AsyncIterable<string>): AsyncGenerator<Buffer> {
  for await (const text of texts) yield Buffer.from(text, 'latin1');
}

const scalarOf = (value: string): string | number | boolean => {
  if (NUMBER.test(value)) return Number(value);
  return value === 'true' || (value === 'false' ? false : value);
};

/** What an event of these fields is, as JSON. What has the type or the time is no field beside. */
function eventOf(fields: Fields, shape: EventShape, id: string): string | Unreadable {
  const { type, typeField, timeField } = shape;
  const event: Record<string, unknown> = { id, ...fields };
  if (event['id'] === null) event['id'] = id;
  if (typeField !== undefined && fields[typeField] !== undefined) {
    delete event[typeField];
    event['type'] = `${fields[typeField]}`;
  }
  if (type !== undefined) event['type'] ??= type;
  if (timeField !== undefined) {
    const time = fields[timeField];
    const ts = typeof time === 'number' ? epochMs(time) : timeMs(`${time}`);
    if (ts === undefined) {
      const received = time === undefined ? 'none' : shortened(`${time}`);
      return new Unreadable(`expected a time in ${shortened(timeField)}, received ${received}`);
    }
    delete event[timeField];
    event['ts'] = ts;
  }
  return JSON.stringify(event);
}

function objectIn(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Fields)
      : undefined;
  } catch {
    return undefined;
  }
}

const asLatin1 = ({ type, typeField, timeField }: EventShape): EventShape => ({
  type: type && latin1Of(type),
  typeField: typeField && latin1Of(typeField),
  timeField: timeField && latin1Of(timeField),
});
