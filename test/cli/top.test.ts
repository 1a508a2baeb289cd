/** `streamgauge top` and a server. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import test from 'ava';
import type { Server } from '../../load-tests/server.ts';
import { top } from '../../src/cli/top.ts';
import { screenOf } from '../../src/cli/top-screen.ts';
import { openSite, send } from '../query/cold/site.ts';
import { heardTerminal, runHeard } from './heard-terminal.ts';

const urlOf = (server: Server): string => `http://${server.host}:${server.queryPort}`;

test('one look has the events of the last minute by type, what fires, and how the server is', async (t) => {
  const site = await openSite({
    rollups: [{ name: 'by_type', stream: 's', dimensions: ['type'], measures: ['count'] }],
    alarms: {
      rules: [{ name: 'any', stream: 's', window: '1m', every: '1s', lateness: '0s', above: 0 }],
    },
  });
  t.teardown(() => site.close());
  await send(site, 's', [{ type: 'view' }, { type: 'view' }, { type: 'buy\u001b[2J' }]);
  const run = (...args: string[]) => runHeard('top', '--url', urlOf(site.server), ...args);
  const shown = await run('--stream', 's');
  const { traffic } = JSON.parse((await run('--stream', 's', '--json')).out);
  t.is(traffic.seriesFound, 2);
  t.is(shown.exitCode, 0, shown.err);
  t.notRegex(shown.out.replaceAll('\n', ''), /\p{Cc}/u);
  t.regex(shown.out, /^streamgauge \S+ at http:/);
  t.regex(shown.out, /\n\d+ partitions, lag \d+\.\d MiB, 0 restarts of actors\n/);
  t.regex(shown.out, /\nall +0\.\d +3\nview +0\.\d +2\nbuy�\[2J +0\.\d +1\n/);
  t.regex((await run('--stream', 'other')).out, /no rollup|no events of stream other/);
  // The rule is judged a moment later.
  let later = shown;
  while (!later.out.includes('firing')) later = await run('--stream', 's');
  t.regex(later.out, /\nany +firing +\w+ +\d\d:\d\d:\d\d +3\n/);
});

test('on a terminal it is drawn again and again in one place, until q is pressed', async (t) => {
  const site = await openSite({});
  t.teardown(() => site.close());
  const { terminal, heard } = heardTerminal();
  let press = (_: string) => {};
  const draws = () => heard.out.split('\u001b[H').length - 1;
  const ended = top(
    { url: urlOf(site.server) },
    {
      ...terminal,
      isInteractive: true,
      rows: 2,
      out(text) {
        terminal.out(text);
        if (draws() === 2) press('q');
      },
      onKey(handler) {
        press = handler;
        return () => terminal.out('no more keys');
      },
    },
  );
  t.is(await ended, 0);
  t.is(draws(), 2);
  t.is(heard.out.split('\r\n').length - 1, 2, 'two lines, twice');
  t.true(heard.out.startsWith('\u001b[?1049h\u001b[?25l\u001b[?7l'), 'lines are not wrapped');
  t.true(heard.out.endsWith('\u001b[?1049lno more keys'));
});

test('a server that does not answer keeps nobody from leaving', async (t) => {
  const asked = Promise.withResolvers<void>();
  const server = createServer((request, answer) => {
    void text(request).then((body) => {
      if (body.includes('version')) answer.end('{"data":{"version":"1"}}');
      else asked.resolve();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { terminal } = heardTerminal();
  let press = (_: string) => {};
  const ended = top(
    { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    {
      ...terminal,
      isInteractive: true,
      onKey(handler) {
        press = handler;
        return () => {};
      },
    },
  );
  await asked.promise;
  press('q');
  t.is(await ended, 0);
});

test('events a second are those of the newest ten, also once nothing comes any more', (t) => {
  const about = { version: '1', origin: 'http://h', stream: 's' };
  const none = { alarms: { total: 0, alarms: [] }, health: { partitions: [], actors: [] } };
  const t0 = 1_790_000_000_000;
  const columns = { t: [t0 - 30_000, t0 - 1_000, t0], values: [[100, 20, 10]] };
  const traffic = (afterMs: number) => ({
    ...{ to: t0 + afterMs, watermark: t0, seriesFound: 1 },
    series: [{ labels: [{ value: 'view' }], columns }],
  });
  const rates = [0, 1_500, 11_500, 40_000].map((afterMs) => {
    const screen = screenOf(about, { atMs: 0, traffic: traffic(afterMs), ...none });
    return /\nview +(\S+) +130\n/.exec(screen)?.[1];
  });
  t.deepEqual(rates, ['3.0', '3.0', '1.0', '0.0']);
});

test('long names leave figures and states room on a screen of 80 columns', (t) => {
  const about = { version: '1', origin: 'http://h', stream: 's' };
  const long = '𝒳'.repeat(300);
  const columns = { t: [0], values: [[4_000_000]] };
  const alarm = { rule: long, group: [long, null], state: 'firing', severity: 'page' };
  const screen = screenOf(about, {
    atMs: 0,
    traffic: {
      to: 0,
      watermark: 0,
      seriesFound: 1,
      series: [{ labels: [{ value: long }], columns }],
    },
    alarms: { total: 1, alarms: [{ ...alarm, since: 0, value: 7 }] },
    health: { partitions: [], actors: [] },
  });
  const lines = screen.split('\n').filter((line) => line.startsWith('𝒳'));
  t.is(lines.length, 2);
  t.regex(`${lines[0]}`, /^𝒳{47}… .* 4,000,000$/u);
  t.regex(`${lines[1]}`, /^𝒳{19}… +𝒳{19}… +firing/u);
  for (const line of lines) t.true([...line].length <= 80, line);
});

test('what a key may not see, or nothing answers, is said in its place', (t) => {
  const problem = 'the server said: this needs a key with scope "admin"';
  const about = { version: '1', origin: 'http://h', stream: 's' };
  const traffic = { to: 0, watermark: null, seriesFound: 0, series: [] };
  const screen = screenOf(about, {
    ...{ atMs: 0, traffic, alarms: { total: 0, alarms: [] }, health: { problem } },
  });
  t.deepEqual(screen.split('\n').slice(1), [
    problem,
    '',
    'no events of stream s in the last minute',
    '',
    'no alarms',
    '',
  ]);
});
