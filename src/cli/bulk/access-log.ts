/** Lines of access logs become events byte by byte: no text is made of what is only copied. */
import { isUtf8 } from 'node:buffer';
import { compileFormat, type Kind } from './access-log-format.ts';
import type { EventBytes } from './event-bytes.ts';
import { type ImportFormat, latin1Of, shortened, Unreadable } from './import-format.ts';
import { timeMs } from './log-time.ts';
import type { RecordId } from './record-id.ts';
import { byteLines } from './text-lines.ts';

interface Field {
  readonly kind: Kind;
  /** `,"name":` */
  readonly member: Buffer;
  readonly until: Buffer;
}

const NEW_LINE = 10;
const RETURN = 13;
const SPACE = 32;
const QUOTE = 34;
const DASH = 45;
const DOT = 46;
const ZERO = 48;
const NINE = 57;
const QUESTION = 63;
const BACKSLASH = 92;
const BRACE = 125;

const bytesOf = (latin1: string): Buffer => Buffer.from(latin1, 'latin1');
/** What has no end of its own: up to where it is known to end. */
const NOTHING = bytesOf('');
const MEMBER = {
  id: bytesOf('{"id":"'),
  method: bytesOf(',"method":'),
  path: bytesOf(',"path":'),
  query: bytesOf(',"query":'),
  protocol: bytesOf(',"protocol":'),
  request: bytesOf(',"request":'),
} as const;

/** `name` is of the known formats, or a format itself. Throws `config_invalid` if it is none. */
export function accessLog(name: string, type = 'request'): ImportFormat {
  const line = new AccessLine(name, type);
  return {
    async *pages(input, path, takesUnended) {
      for await (const bytes of byteLines(input, path, takesUnended)) {
        const starts = startsIn(bytes);
        const end = (i: number) => (starts[i + 1] ?? bytes.length + 1) - 1;
        yield {
          count: starts.length,
          write: (i, id, out) => line.write(bytes, starts[i] as number, end(i), id, out),
        };
      }
    },
  };
}

/** Of each line, and no more: the last one need not have an end. */
function startsIn(bytes: Buffer): number[] {
  const starts = [];
  for (let at = 0; at < bytes.length; ) {
    starts.push(at);
    const end = bytes.indexOf(NEW_LINE, at);
    if (end === -1) break;
    at = end + 1;
  }
  return starts;
}

export class AccessLine {
  readonly #format: string;
  readonly #head: Buffer;
  readonly #fields: readonly Field[];
  /** Behind the id. */
  readonly #beginning: Buffer;
  /** Lines that follow each other mostly have the same second: its text, at first one that no line has, and its member. */
  #time = bytesOf('\n');
  #timeMember = bytesOf('');

  constructor(name: string, type: string) {
    const { format, head, parts } = compileFormat(name);
    this.#format = format;
    this.#head = bytesOf(head);
    this.#fields = parts.map(({ field, kind, until }) => ({
      kind,
      member: bytesOf(`,${JSON.stringify(field)}:`),
      until: bytesOf(until),
    }));
    this.#beginning = bytesOf(`","type":${JSON.stringify(latin1Of(type))}`);
  }

  /** False for an empty line. `to` is where its end stands, or the end of all. */
  write(
    bytes: Buffer,
    from: number,
    to: number,
    id: RecordId,
    out: EventBytes,
  ): boolean | Unreadable {
    let end = bytes[to - 1] === NEW_LINE ? to - 1 : to;
    if (bytes[end - 1] === RETURN && end > from) end--;
    if (end <= from) return false;
    const undo = out.length;
    out.bytes(MEMBER.id);
    out.bytes(id.bytes);
    out.bytes(this.#beginning);
    if (
      startsWith(bytes, from, this.#head) &&
      this.#members(bytes, from + this.#head.length, end, out)
    ) {
      out.byte(BRACE);
      return true;
    }
    out.length = undo;
    const line = bytes.toString('latin1', from, end);
    return new Unreadable(`expected a line such as ${this.#format}, received ${shortened(line)}`);
  }

  #members(bytes: Buffer, from: number, to: number, out: EventBytes): boolean {
    let at = from;
    for (const field of this.#fields) {
      const end = this.#addField(field, bytes, at, to, out);
      if (end === -1) return false;
      at = end + field.until.length;
    }
    return at === to;
  }

  /** Where the field ends; -1 if it does not, or is none. */
  #addField(
    { kind, member, until }: Field,
    bytes: Buffer,
    from: number,
    to: number,
    out: EventBytes,
  ): number {
    if (kind === 'time') return this.#addTime(bytes, from, to, until, out);
    if (kind === 'text') {
      const undo = out.length;
      const end = addText(member, bytes, from, to, until, out);
      if (isAbsent(bytes, from, end)) out.length = undo;
      return end;
    }
    const end = endOf(bytes, from, to, until);
    if (end !== -1 && !isAbsent(bytes, from, end)) add(kind, member, bytes, from, end, out);
    return end;
  }

  /** As `#addField`. */
  #addTime(bytes: Buffer, from: number, to: number, until: Buffer, out: EventBytes): number {
    let end = from + this.#time.length;
    const isSame =
      until.length > 0 && startsWith(bytes, from, this.#time) && startsWith(bytes, end, until);
    if (!isSame) {
      end = endOf(bytes, from, to, until);
      if (end === -1) return -1;
      const text = bytes.subarray(from, end);
      const ms = timeMs(text.toString('latin1'));
      if (ms === undefined) return -1;
      this.#time = Buffer.from(text);
      this.#timeMember = bytesOf(`,"ts":${ms}`);
    }
    out.bytes(this.#timeMember);
    return end;
  }
}

function startsWith(bytes: Buffer, from: number, what: Buffer): boolean {
  for (let i = 0; i < what.length; i++) if (bytes[from + i] !== what[i]) return false;
  return true;
}

/** Where `until` stands, which is at the end if it is empty. A value within quotes ends with the first quote that is not escaped. */
function endOf(bytes: Buffer, from: number, to: number, until: Buffer): number {
  if (until.length === 0) return to;
  const first = until[0];
  for (let at = from; at + until.length <= to; at++) {
    const byte = bytes[at];
    if (byte === BACKSLASH && first === QUOTE) at++;
    else if (byte === first && startsWith(bytes, at, until)) return at;
  }
  return -1;
}

const isAbsent = (bytes: Buffer, from: number, to: number): boolean =>
  to === from || (to === from + 1 && bytes[from] === DASH);

function add(
  kind: Kind,
  member: Buffer,
  bytes: Buffer,
  from: number,
  to: number,
  out: EventBytes,
): void {
  if (kind === 'request') addRequest(bytes, from, to, out);
  else if (kind === 'path') addPath(bytes, from, to, out);
  else if (kind === 'number' && isNumber(bytes, from, to)) {
    out.bytes(member);
    out.bytes(bytes, from, to);
  } else if (kind !== 'ignored') addText(member, bytes, from, to, NOTHING, out);
}

/** "GET /path?query HTTP/1.1". What broken clients send instead is kept as it is. */
function addRequest(bytes: Buffer, from: number, to: number, out: EventBytes): void {
  let method = from;
  while (method < to && bytes[method] !== SPACE) method++;
  let protocol = to - 1;
  while (protocol > method && bytes[protocol] !== SPACE) protocol--;
  if (method === from || protocol <= method) {
    addText(MEMBER.request, bytes, from, to, NOTHING, out);
    return;
  }
  addText(MEMBER.method, bytes, from, method, NOTHING, out);
  addPath(bytes, method + 1, protocol, out);
  addText(MEMBER.protocol, bytes, protocol + 1, to, NOTHING, out);
}

/** Apart, for a path can be counted by, and with its query mostly not. */
function addPath(bytes: Buffer, from: number, to: number, out: EventBytes): void {
  let query = from;
  while (query < to && bytes[query] !== QUESTION) query++;
  addText(MEMBER.path, bytes, from, query, NOTHING, out);
  if (query < to) addText(MEMBER.query, bytes, query + 1, to, NOTHING, out);
}

/** What stands before `until`, whose place is returned; -1 if it stands nowhere. */
function addText(
  member: Buffer,
  bytes: Buffer,
  from: number,
  to: number,
  until: Buffer,
  out: EventBytes,
): number {
  const plainEnd = endOfPlain(bytes, from, to, until);
  const end = plainEnd === -1 ? endOf(bytes, from, to, until) : plainEnd;
  if (end === -1) return -1;
  out.bytes(member);
  if (plainEnd === -1) {
    out.text(JSON.stringify(unescaped(bytes.toString('latin1', from, end))));
  } else {
    out.byte(QUOTE);
    out.bytes(bytes, from, end);
    out.byte(QUOTE);
  }
  return end;
}

/** As `endOf`, but -1 also if something before has to be escaped in JSON. */
function endOfPlain(bytes: Buffer, from: number, to: number, until: Buffer): number {
  const first = until.length === 0 ? -1 : until[0];
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    if (byte === first && startsWith(bytes, at, until)) return at;
    if (byte < SPACE || byte === QUOTE || byte === BACKSLASH) return -1;
  }
  return first === -1 ? to : -1;
}

/** As JSON writes them: "007" is none. */
function isNumber(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from > 15 || (bytes[from] === ZERO && to - from > 1 && bytes[from + 1] !== DOT))
    return false;
  let dots = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    if (byte === DOT && at > from && at < to - 1) dots++;
    else if (byte < ZERO || byte > NINE) return false;
  }
  return dots <= 1;
}

/**
 * Both servers write a byte that could be mistaken as \\xHH, and Apache some as C does. What makes no UTF-8, such as the hello of TLS that a
 * plain port is sent, no event can have: it stays as the log has it.
 */
function unescaped(value: string): string {
  const text = value.replace(
    /\\(?:x([\dA-Fa-f]{2})|(.))/g,
    (_, hex: string | undefined, char: string) =>
      hex === undefined ? (CONTROL[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return isUtf8(bytesOf(text)) ? text : value;
}
const CONTROL: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', v: '\v' };
