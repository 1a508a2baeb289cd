/**
 * Lines of access logs become events byte by byte: no text is made of what is only copied, which takes a third off the time that it
 * takes by texts (6.8 to 4.2 us a line on a busy machine).
 */
import { compileFormat, type Kind } from './access-log-format.ts';
import type { EventBytes } from './event-bytes.ts';
import { type ImportFormat, latin1Of, shortened, Unreadable } from './import-format.ts';
import { timeMs } from './log-time.ts';
import { byteLines } from './text-lines.ts';

interface Field {
  readonly kind: Kind;
  /** `,"name":` */
  readonly member: Uint8Array;
  readonly until: Uint8Array;
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

const bytesOf = (latin1: string): Uint8Array => Buffer.from(latin1, 'latin1');
const MEMBER = {
  method: bytesOf(',"method":'),
  path: bytesOf(',"path":'),
  query: bytesOf(',"query":'),
  protocol: bytesOf(',"protocol":'),
  request: bytesOf(',"request":'),
  ts: bytesOf(',"ts":'),
} as const;

/** `name` is of the known formats, or a format itself. Throws `config_invalid` if it is none. */
export function accessLog(name: string, type = 'request'): ImportFormat {
  const line = new AccessLine(name, type);
  return {
    async *pages(input, path) {
      for await (const bytes of byteLines(input, path)) {
        const starts = startsIn(bytes);
        yield {
          count: starts.length,
          write: (i, id, out) =>
            line.write(
              bytes,
              starts[i] as number,
              (starts[i + 1] ?? bytes.length + 1) - 1,
              id,
              out,
            ),
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
  readonly #head: Uint8Array;
  readonly #fields: readonly Field[];
  /** Behind the id. */
  readonly #beginning: Uint8Array;
  /** Lines that follow each other mostly have the same second. */
  #time: Uint8Array = new Uint8Array(0);
  #timeJson: Uint8Array = new Uint8Array(0);

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
    id: string,
    out: EventBytes,
  ): boolean | Unreadable {
    let end = bytes[to - 1] === NEW_LINE ? to - 1 : to;
    if (bytes[end - 1] === RETURN && end > from) end--;
    if (end <= from) return false;
    const undo = out.length;
    out.text('{"id":"');
    out.text(id);
    out.bytes(this.#beginning, 0, this.#beginning.length);
    if (
      startsWith(bytes, from, this.#head) &&
      this.#members(bytes, from + this.#head.length, end, out)
    ) {
      out.text('}');
      return true;
    }
    out.length = undo;
    const line = bytes.toString('latin1', from, end);
    return new Unreadable(`expected a line such as ${this.#format}, received ${shortened(line)}`);
  }

  #members(bytes: Buffer, from: number, to: number, out: EventBytes): boolean {
    let at = from;
    for (const { kind, member, until } of this.#fields) {
      const end = until.length === 0 ? to : endOf(bytes, at, to, until);
      if (end === -1) return false;
      const isAbsent = end === at || (end === at + 1 && bytes[at] === DASH);
      if (kind === 'time') {
        if (!this.#addTime(bytes, at, end, out)) return false;
      } else if (!isAbsent) add(kind, member, bytes, at, end, out);
      at = end + until.length;
    }
    return at === to;
  }

  #addTime(bytes: Buffer, from: number, to: number, out: EventBytes): boolean {
    if (to - from !== this.#time.length || !startsWith(bytes, from, this.#time)) {
      const ms = timeMs(bytes.toString('latin1', from, to));
      if (ms === undefined) return false;
      this.#time = Buffer.from(bytes.subarray(from, to));
      this.#timeJson = bytesOf(`${ms}`);
    }
    out.bytes(MEMBER.ts, 0, MEMBER.ts.length);
    out.bytes(this.#timeJson, 0, this.#timeJson.length);
    return true;
  }
}

function startsWith(bytes: Uint8Array, from: number, what: Uint8Array): boolean {
  for (let i = 0; i < what.length; i++) if (bytes[from + i] !== what[i]) return false;
  return true;
}

/** Where `until` stands. A value within quotes ends with the first quote that is not escaped. */
function endOf(bytes: Uint8Array, from: number, to: number, until: Uint8Array): number {
  const first = until[0];
  for (let at = from; at + until.length <= to; at++) {
    if (bytes[at] === BACKSLASH && first === QUOTE) at++;
    else if (bytes[at] === first && startsWith(bytes, at, until)) return at;
  }
  return -1;
}

function add(
  kind: Kind,
  member: Uint8Array,
  bytes: Buffer,
  from: number,
  to: number,
  out: EventBytes,
): void {
  if (kind === 'request') addRequest(bytes, from, to, out);
  else if (kind === 'path') addPath(bytes, from, to, out);
  else if (kind === 'number' && isNumber(bytes, from, to)) {
    out.bytes(member, 0, member.length);
    out.bytes(bytes, from, to);
  } else if (kind !== 'ignored') addText(member, bytes, from, to, out);
}

/** "GET /path?query HTTP/1.1". What broken clients send instead is kept as it is. */
function addRequest(bytes: Buffer, from: number, to: number, out: EventBytes): void {
  let method = from;
  while (method < to && bytes[method] !== SPACE) method++;
  let protocol = to - 1;
  while (protocol > method && bytes[protocol] !== SPACE) protocol--;
  if (method === from || protocol <= method) {
    addText(MEMBER.request, bytes, from, to, out);
    return;
  }
  addText(MEMBER.method, bytes, from, method, out);
  addPath(bytes, method + 1, protocol, out);
  addText(MEMBER.protocol, bytes, protocol + 1, to, out);
}

/** Apart, for a path can be counted by, and with its query mostly not. */
function addPath(bytes: Buffer, from: number, to: number, out: EventBytes): void {
  let query = from;
  while (query < to && bytes[query] !== QUESTION) query++;
  addText(MEMBER.path, bytes, from, query, out);
  if (query < to) addText(MEMBER.query, bytes, query + 1, to, out);
}

function addText(
  member: Uint8Array,
  bytes: Buffer,
  from: number,
  to: number,
  out: EventBytes,
): void {
  out.bytes(member, 0, member.length);
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) continue;
    out.text(JSON.stringify(unescaped(bytes.toString('latin1', from, to))));
    return;
  }
  out.byte(QUOTE);
  out.bytes(bytes, from, to);
  out.byte(QUOTE);
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

/** Both servers write a byte that could be mistaken as \\xHH, and Apache some as C does. */
const unescaped = (value: string): string =>
  value.replace(/\\(?:x([\dA-Fa-f]{2})|(.))/g, (_, hex: string | undefined, char: string) =>
    hex === undefined ? (CONTROL[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
const CONTROL: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', v: '\v' };
