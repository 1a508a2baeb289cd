/** What a file is taken for. */

import { Readable } from 'node:stream';
import test from 'ava';
import { EventBytes } from '../../../src/cli/bulk/event-bytes.ts';
import { lineId } from '../../../src/cli/bulk/event-id.ts';
import { formatOf } from '../../../src/cli/bulk/formats.ts';
import { RecordId } from '../../../src/cli/bulk/record-id.ts';

const AUTO = { format: 'auto', type: undefined, typeField: undefined, timeField: undefined };
const COMMON = '10.0.0.1 - kim [20/Nov/2026:00:00:01 +0000] "GET /a\\"b HTTP/1.1" 200 12';
const COMBINED = `${COMMON} "-" "Mozilla/5.0"`;
const ID = lineId('run', 0);

/** The event of a file of this one line; undefined if it is not recognised. */
async function eventOf(text: string, path = 'x.log'): Promise<unknown> {
  const bytes = Buffer.from(`${text}\n`);
  const pages = formatOf(path, bytes, AUTO)?.pages(Readable.from([bytes]), path, () => true);
  const { value: page } = (await pages?.next()) ?? {};
  if (page === undefined) return undefined;
  const out = new EventBytes();
  return page.write(0, new RecordId(ID), out) === true && JSON.parse(`${out.view()}`);
}

test('an access log is taken for the format that its lines have as a whole', async (t) => {
  const common = { remote_addr: '10.0.0.1', user: 'kim', status: 200, bytes: 12, path: '/a"b' };
  t.like(await eventOf(COMMON), common);
  t.like(await eventOf(`${COMBINED}\r`), { ...common, user_agent: 'Mozilla/5.0' });
  const forwarded = { ...common, user_agent: 'Mozilla/5.0', x_forwarded_for: '203.0.113.1, ::1' };
  t.like(await eventOf(`${COMBINED} "203.0.113.1, ::1"`), forwarded);
  const { bytes, ...rest } = common;
  const host = { host: 'shop.example', port: 443, bytes_sent: bytes, user_agent: 'Mozilla/5.0' };
  t.like(await eventOf(`shop.example:443 ${COMBINED}`), { ...rest, ...host });
  t.like(await eventOf(COMBINED.replace('10.0.0.1', '2001:db8::1')), {
    remote_addr: '2001:db8::1',
  });
});

test('what has more in its lines than a known format is not recognised', async (t) => {
  const lines = [`${COMMON} 0.125`, `${COMBINED} 0.125`, `${COMBINED} "0.125"`];
  for (const line of [...lines, `${COMBINED} "-" rt=1`, `shop.example ${COMBINED}`]) {
    t.is(await eventOf(line), undefined, line);
  }
});

test('a mark of the byte order is no part of NDJSON, and UTF-16 is called by its name', async (t) => {
  t.like(await eventOf('\ufeff{"type":"x"}'), { type: 'x' });
  for (const mark of [
    [0xff, 0xfe],
    [0xfe, 0xff],
  ]) {
    const head = Buffer.concat([Buffer.from(mark), Buffer.from('{}\n', 'utf16le')]);
    t.throws(() => formatOf('x.csv', head, AUTO), { message: /received UTF-16: iconv/ });
  }
});
