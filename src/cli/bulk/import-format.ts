/** What a file to import is made of, and how a record of it becomes an event. */
import type { Readable } from 'node:stream';
import type { EventBytes } from './event-bytes.ts';
import type { RecordId } from './record-id.ts';
import { type TakesUnended, textLines } from './text-lines.ts';

/** Why a record is no event. */
export class Unreadable {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** Undefined for what is nothing, such as an empty line; else a line of JSON. */
export type MadeEvent = string | undefined | Unreadable;

/** Some records that follow each other. */
export interface RecordPage {
  readonly count: number;
  /** Writes the event of record `index` of the page as a line without its end, with this id unless it has its own. False for what is nothing. */
  write(index: number, id: RecordId, out: EventBytes): boolean | Unreadable;
}

/** Texts are Latin-1 of the file's bytes, as of `textLines`. */
export interface ImportFormat {
  /** All of a file, from its beginning: the number of a record is its place. `name` is for messages. */
  pages(input: Readable, name: string, takesUnended: TakesUnended): AsyncGenerator<RecordPage>;
}

/** Of what is made as a text. */
export function writeEvent(event: MadeEvent, out: EventBytes): boolean | Unreadable {
  if (typeof event !== 'string') return event ?? false;
  out.text(event);
  return true;
}

/** What the user says of all records. */
export interface EventShape {
  readonly type: string | undefined;
  readonly typeField: string | undefined;
  readonly timeField: string | undefined;
}

/** A record is a line. */
export const ofLines = (toEvent: (line: string, id: string) => MadeEvent): ImportFormat => ({
  async *pages(input, name, takesUnended) {
    for await (const text of textLines(input, name, takesUnended)) {
      const lines = text.split('\n');
      // Behind the last end of line is no line.
      if (text.endsWith('\n')) lines.pop();
      yield {
        count: lines.length,
        write: (i, id, out) => writeEvent(toEvent(lines[i] as string, id.text()), out),
      };
    }
  },
});

/** For a message, in which a whole line would hide the rest. */
export const shortened = (text: string): string => {
  const utf8 = Buffer.from(text, 'latin1').toString();
  return JSON.stringify(utf8.length > 120 ? `${utf8.slice(0, 120)}…` : utf8);
};

export const latin1Of = (text: string): string => Buffer.from(text).toString('latin1');
