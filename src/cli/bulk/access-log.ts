/** Access logs of web servers: a format as nginx or Apache write it is compiled into what takes lines of it apart. */
import { AppError } from '../../model/errors.ts';
import { type LineToEvent, latin1Of, shortened, Unreadable } from './import-format.ts';
import { timeMs } from './log-time.ts';

const COMMON = '%h %l %u %t "%r" %>s %b';
export const NAMED_FORMATS: Readonly<Record<string, string>> = {
  common: COMMON,
  combined: `${COMMON} "%{Referer}i" "%{User-Agent}i"`,
};

/** What is no field of its own: the time, a request line of three parts, and what nobody asks for. */
type Kind = 'text' | 'number' | 'time' | 'request' | 'path' | 'ignored';
interface Variable {
  readonly field: string;
  readonly kind: Kind;
}
interface Part extends Variable {
  /** What stands behind it; empty: up to the end of the line. */
  readonly until: string;
}

const text = (field: string): Variable => ({ field, kind: 'text' });
const number = (field: string): Variable => ({ field, kind: 'number' });
const TIME: Variable = { field: 'ts', kind: 'time' };
const REQUEST: Variable = { field: 'request', kind: 'request' };
const PATH: Variable = { field: 'path', kind: 'path' };

/** Both servers' names for one thing make one field. */
const NGINX: Readonly<Record<string, Variable>> = {
  time_local: TIME,
  time_iso8601: TIME,
  msec: TIME,
  request: REQUEST,
  request_uri: PATH,
  uri: PATH,
  request_method: text('method'),
  args: text('query'),
  query_string: text('query'),
  server_protocol: text('protocol'),
  remote_user: text('user'),
  status: number('status'),
  body_bytes_sent: number('bytes'),
  bytes_sent: number('bytes_sent'),
  request_length: number('request_length'),
  request_time: number('request_time'),
  upstream_response_time: number('upstream_response_time'),
  http_referer: text('referer'),
  http_user_agent: text('user_agent'),
};
const APACHE: Readonly<Record<string, Variable>> = {
  h: text('remote_addr'),
  a: text('remote_addr'),
  l: { field: 'ident', kind: 'ignored' },
  u: text('user'),
  t: TIME,
  r: REQUEST,
  s: number('status'),
  b: number('bytes'),
  B: number('bytes'),
  O: number('bytes_sent'),
  I: number('request_length'),
  D: number('duration_us'),
  T: number('duration_s'),
  v: text('host'),
  V: text('host'),
  m: text('method'),
  U: PATH,
  q: text('query'),
  H: text('protocol'),
  p: number('port'),
  P: number('pid'),
};

/** `name` is of `NAMED_FORMATS`, or a format itself. Throws `config_invalid` if it is none. */
export function accessLogLine(name: string, type = 'request'): LineToEvent {
  const format = NAMED_FORMATS[name] ?? name;
  const { head, parts } = compile(format);
  const beginning = `,"type":${JSON.stringify(latin1Of(type))}`;
  return (record, id) => {
    const line = record.endsWith('\r') ? record.slice(0, -1) : record;
    if (line === '') return undefined;
    const fields = line.startsWith(head) ? fieldsOf(line, head.length, parts) : undefined;
    if (fields !== undefined) return `{"id":"${id}"${beginning}${fields}}`;
    return new Unreadable(`expected a line such as ${format}, received ${shortened(line)}`);
  };
}

/** Undefined if the line is another one. */
function fieldsOf(line: string, from: number, parts: readonly Part[]): string | undefined {
  let json = '';
  let at = from;
  for (const { field, kind, until } of parts) {
    const end = endOf(line, at, until);
    if (end === -1) return undefined;
    const value = line.slice(at, end);
    at = end + until.length;
    if (kind === 'time') {
      const ms = timeMs(value);
      if (ms === undefined) return undefined;
      json += `,"ts":${ms}`;
    } else if (value !== '-' && value !== '') json += member(field, kind, value);
  }
  return at === line.length ? json : undefined;
}

/** A value within quotes ends with the first quote that is not escaped. */
function endOf(line: string, from: number, until: string): number {
  if (until === '') return line.length;
  let end = line.indexOf(until, from);
  while (until[0] === '"' && end > from && isEscaped(line, from, end)) {
    end = line.indexOf(until, end + 1);
  }
  return end;
}

function isEscaped(line: string, from: number, end: number): boolean {
  let at = end;
  while (at > from && line.charCodeAt(at - 1) === BACKSLASH) at--;
  return (end - at) % 2 === 1;
}

const BACKSLASH = 92;
const NUMBER = /^-?(?:0|[1-9]\d{0,15})(?:\.\d{1,15})?$/;

function member(field: string, kind: Kind, value: string): string {
  if (kind === 'request') return requestMembers(value);
  if (kind === 'path') return pathMembers(value);
  if (kind === 'ignored') return '';
  const isNumber = kind === 'number' && NUMBER.test(value);
  return `,"${field}":${isNumber ? value : json(value)}`;
}

/** "GET /path?query HTTP/1.1". What broken clients send instead is kept as it is. */
function requestMembers(value: string): string {
  const method = value.indexOf(' ');
  const protocol = value.lastIndexOf(' ');
  if (method < 1 || protocol <= method) return `,"request":${json(value)}`;
  const path = pathMembers(value.slice(method + 1, protocol));
  return `,"method":${json(value.slice(0, method))}${path},"protocol":${json(value.slice(protocol + 1))}`;
}

/** Apart, for a path can be counted by, and with its query mostly not. */
function pathMembers(value: string): string {
  const query = value.indexOf('?');
  if (query === -1) return `,"path":${json(value)}`;
  return `,"path":${json(value.slice(0, query))},"query":${json(value.slice(query + 1))}`;
}

const json = (value: string): string =>
  JSON.stringify(value.includes('\\') ? unescaped(value) : value);

/** Both servers write a byte that could be mistaken as \xHH, and Apache some as C does. */
const unescaped = (value: string): string =>
  value.replace(/\\(?:x([\dA-Fa-f]{2})|(.))/g, (_, hex: string | undefined, char: string) =>
    hex === undefined ? (CONTROL[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
const CONTROL: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', v: '\v' };

function compile(format: string): { readonly head: string; readonly parts: Part[] } {
  // What has a name of its own has no "$": Apache's "%{Cookie}i" and such.
  const isApache = /%[{<>!\d,]*[a-zA-Z]/.test(format);
  const pattern = isApache
    ? /%(?:[!\d,]*)[<>]?(?:\{([^}]+)\})?([a-zA-Z%])/g
    : /\$(?:\{(\w+)\}|(\w+))/g;
  const found = [...format.matchAll(pattern)].filter(([all]) => all !== '%%');
  const literal = (from: number, to?: number) =>
    latin1Of(format.slice(from, to).replaceAll('%%', '%'));
  let head = literal(0, found[0]?.index);
  const parts = found.map((match, i): Part => {
    const variable = isApache ? apacheVariable(match) : nginxVariable(`${match[1] ?? match[2]}`);
    const behind = match.index + match[0].length;
    let until = literal(behind, found[i + 1]?.index);
    // Apache's time has brackets of its own.
    if (match[0] === '%t') until = `]${until}`;
    if (found[i + 1]?.[0] === '%t') until = `${until}[`;
    if (until === '' && i < found.length - 1)
      throw notUsable(format, `nothing separates ${match[0]} from what follows`);
    return { ...variable, until };
  });
  if (found[0]?.[0] === '%t') head = `${head}[`;
  if (!parts.some(({ kind }) => kind === 'time')) throw notUsable(format, 'it has no time');
  return { head, parts };
}

function nginxVariable(name: string): Variable {
  return (Object.hasOwn(NGINX, name) ? NGINX[name] : undefined) ?? text(name.replace(/^http_/, ''));
}

function apacheVariable([all, argument, letter = '']: RegExpMatchArray): Variable {
  if (argument !== undefined && /[ioeCn]/.test(letter)) {
    return text(argument.toLowerCase().replaceAll(/\W/g, '_'));
  }
  const known =
    argument === undefined && Object.hasOwn(APACHE, letter) ? APACHE[letter] : undefined;
  return known ?? text(all.replaceAll(/\W/g, ''));
}

const notUsable = (format: string, why: string): AppError =>
  new AppError(
    'config_invalid',
    `--format: expected ndjson, csv, ${Object.keys(NAMED_FORMATS).join(', ')} or a format of nginx or Apache with a time in it, such as '$remote_addr [$time_local] "$request" $status', received ${JSON.stringify(format)}: ${why}`,
  );
