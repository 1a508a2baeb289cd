/** Lines of access logs, held against a plain reading of them by regular expressions. */
import test from 'ava';
import fc from 'fast-check';
import { AccessLine } from '../../../src/cli/bulk/access-log.ts';
import { EventBytes } from '../../../src/cli/bulk/event-bytes.ts';
import { lineId } from '../../../src/cli/bulk/event-id.ts';
import { timeMs } from '../../../src/cli/bulk/log-time.ts';
import { RecordId } from '../../../src/cli/bulk/record-id.ts';

type Fields = Record<string, unknown>;

const ID = lineId('run', 7);
const UNQUOTED = '([^]*?)';
const QUOTED = '((?:\\\\[^]|[^\\\\])*?)';
/** Each value and what stands behind it, one after the other: what one has taken no other gets back. */
const COMBINED = [
  `${UNQUOTED} `,
  `${UNQUOTED} `,
  `${UNQUOTED} \\[`,
  `${UNQUOTED}\\] "`,
  `${QUOTED}" `,
  `${UNQUOTED} `,
  `${UNQUOTED} "`,
  `${QUOTED}" "`,
  `${QUOTED}"`,
].map((source) => new RegExp(source, 'y'));

/** Undefined for what is no line of the combined format. */
function plainly(line: string): Fields | undefined {
  const values: string[] = [];
  let at = 0;
  for (const pattern of COMBINED) {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (match === null) return undefined;
    values.push(`${match[1]}`);
    at = pattern.lastIndex;
  }
  const [address, , user, time, request, status, bytes, referer, agent] = values as string[];
  const ts = timeMs(`${time}`);
  if (at < line.length || ts === undefined) return undefined;
  const texts = { remote_addr: address, user, referer, user_agent: agent };
  const event: Fields = { id: ID, type: 'request', ts, ...requestOf(`${request}`) };
  for (const [name, text] of Object.entries(texts))
    if (isThere(text)) event[name] = unescaped(text);
  for (const [name, text] of Object.entries({ status, bytes })) {
    if (!isThere(text)) continue;
    const isNumber = text.length <= 15 && /^(0|[1-9]\d*|\d\.\d+|[1-9]\d*\.\d+)$/.test(text);
    event[name] = isNumber ? Number(text) : unescaped(text);
  }
  return event;
}

function requestOf(request: string): Fields {
  if (!isThere(request)) return {};
  const [, method, target, protocol] = /^([^ ]+) (?:(.*) )?([^ ]*)$/s.exec(request) ?? [];
  if (method === undefined || target === undefined) return { request: unescaped(request) };
  const [, path, query] = /^([^?]*)(?:\?(.*))?$/s.exec(target) ?? [];
  const asked = query === undefined ? {} : { query: unescaped(query) };
  return {
    method: unescaped(method),
    path: unescaped(`${path}`),
    ...asked,
    protocol: unescaped(`${protocol}`),
  };
}

const isThere = (text: string | undefined): text is string =>
  text !== undefined && text !== '' && text !== '-';

const NAMED: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', v: '\v' };
const unescaped = (text: string): string =>
  text.replace(/\\x([\dA-Fa-f]{2})|\\(.)/g, (_, hex: string | undefined, char: string) =>
    hex === undefined ? (NAMED[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );

/** What `AccessLine` makes of a line between others; false where it is none. */
function written(format: AccessLine, line: string): Fields | false {
  const out = new EventBytes();
  out.text('before');
  const bytes = Buffer.from(`before\n${line}\nafter`, 'latin1');
  const isWritten = format.write(bytes, 7, 7 + line.length, new RecordId(ID), out);
  const text = out.latin1();
  if (isWritten === true) return JSON.parse(text.slice('before'.length));
  return text === 'before' ? false : { leftBehind: text };
}

const piece = fc.constantFrom(
  ...['a', 'GET', '/x?y', '-', '0', '7', '12', '1.5', '.', ' ', '"', '\\', '\\"', '\\x22', '\\n'],
  ...['[', ']', '] "', '" "', '\t', '\u0001', '\u00c3\u00a4', '\r', 'x'.repeat(40)],
);
const value = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
const plainValue = fc.oneof(
  fc.constantFrom(
    '-',
    '',
    '203.0.113.9',
    'GET /a/b?c=d HTTP/1.1',
    '404',
    '007',
    '1234567890123456',
  ),
  fc.stringMatching(/^[\w./?=;:()-]{1,60}$/),
);
const any = fc.oneof({ weight: 3, arbitrary: plainValue }, { weight: 1, arbitrary: value });
const time = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('10/Oct/2025:13:55:36 +0200', '2025-10-10T13:55:36Z') },
  { weight: 1, arbitrary: any },
);
const line = fc
  .tuple(any, any, any, time, any, any, any, any, any)
  .map(
    ([a, b, c, at, request, status, bytes, referer, agent]) =>
      `${a} ${b} ${c} [${at}] "${request}" ${status} ${bytes} "${referer}" "${agent}"`,
  );

test('lines in the combined format become what a plain reading of them says', (t) => {
  const format = new AccessLine('combined', 'request');
  let understood = 0;
  fc.assert(
    fc.property(line, (text) => {
      // A return before the end belongs to the end.
      const wanted = plainly(text.replace(/\r$/, ''));
      if (wanted !== undefined) understood++;
      t.deepEqual(written(format, text), wanted ?? false, JSON.stringify(text));
    }),
    { numRuns: 3_000 },
  );
  t.true(understood > 300, `${understood} of the lines were lines`);
});

test('a time at the end of a line is not taken for one that it begins with', (t) => {
  const format = new AccessLine('$status $msec', 'request');
  t.like(written(format, '200 1762000000.5'), { ts: 1_762_000_000_500 });
  t.like(written(format, '200 1762000000.512'), { ts: 1_762_000_000_512 });
  t.is(written(format, '200 1762000000.5x'), false);
  t.is(written(new AccessLine('[$time_local] $status', 'request'), '[] 200'), false);
});

test('what escapes make no UTF-8 stays as the log has it', (t) => {
  const format = new AccessLine('[$time_local] "$request" "$http_user_agent"', 'request');
  const hello = '\\x16\\x03\\x01\\x00\\xFC\\x03';
  t.like(written(format, `[1762000000] "${hello}" "\\xC3\\xA4"`), {
    request: hello,
    user_agent: '\u00c3\u00a4',
  });
});

test('the id of the next record is that of the next number', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 36 ** 6 }), (record) => {
      const id = new RecordId(lineId('run.000', record));
      for (let next = record + 1; next < record + 40; next++) {
        id.next();
        t.is(id.text(), lineId('run.000', next));
      }
    }),
  );
  const id = new RecordId(lineId('run.000', 36 ** 3 - 1));
  id.next();
  t.is(id.text(), lineId('run.000', 36 ** 3));
});
