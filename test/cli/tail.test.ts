/** `streamgauge tail` and a server. */
import test from 'ava';
import type { Terminal } from '../../src/cli/terminal.ts';
import { runCli } from '../../src/cli.ts';
import { openSite, send } from '../query/cold/site.ts';

/** A terminal that is told to stop once `isEnough` holds of what was printed. */
function run(args: readonly string[], isEnough: (out: string) => boolean) {
  let out = '';
  let err = '';
  let stop = () => {};
  const terminal: Terminal = {
    out(text) {
      out += text;
      if (isEnough(out)) stop();
    },
    err(text) {
      err += text;
    },
    isInteractive: false,
    readLine: async () => '',
    onStopSignal(handler) {
      stop = handler;
      return () => {};
    },
    abort: () => {},
  };
  return runCli(['tail', ...args], terminal).then((exitCode) => ({ out, err, exitCode }));
}

test('events are printed as they are committed, harmless for a terminal', async (t) => {
  const site = await openSite();
  t.teardown(() => site.close());
  const url = ['--url', `http://${site.server.host}:${site.server.queryPort}`];
  const where = ['--where', '{"field":"type","ne":"other"}'];
  const ends = (out: string) => out.includes('last') && out.includes('bad');
  const plain = run([...url, '--stream', 's', ...where], ends);
  const json = run([...url, '--stream', 's', '--json', ...where], ends);
  const ts = 1_790_000_000_000;
  const hostile = '\u001b[2J\u009b2J\u007f';
  const events = [
    { id: 'o', type: 'other', ts },
    { id: 'h', type: `bad ${hostile}`, ts, text: hostile, n: 7 },
    { id: 'last', type: 'x', ts, ok: true },
  ];
  let hasEnded = false;
  void Promise.all([plain, json]).finally(() => {
    hasEnded = true;
  });
  // Whoever came too late for the first ones sees later ones: they are sent until both have seen the last.
  for (let n = 0; !hasEnded; n++) {
    await send(
      site,
      's',
      events.map((event) => ({ ...event, id: `${event.id}${n}` })),
    );
  }
  const { out, exitCode } = await plain;
  t.is(exitCode, 0);
  t.notRegex(out.replaceAll('\n', ''), /\p{Cc}/u);
  t.regex(
    out,
    /^2026-09-\S+Z bad \\u001b\[2J\\u009b2J\\u007f h\d+ text="\\u001b\[2J\\u009b2J\\u007f" n=7$/m,
  );
  t.notRegex(out, /other/);
  const lines = (await json).out.split('\n').filter((line) => line !== '');
  const found = lines.map((line) => JSON.parse(line)).find(({ type }) => type !== 'x');
  t.like(found, { ts: new Date(ts).toISOString(), type: `bad ${hostile}`, text: hostile, n: 7 });
});

test('what the server refuses is said', async (t) => {
  const site = await openSite();
  t.teardown(() => site.close());
  const url = ['--url', `http://${site.server.host}:${site.server.queryPort}`];
  const never = () => false;
  const refused = await run([...url, '--where', '{"field":"a"}'], never);
  t.is(refused.exitCode, 1);
  t.regex(refused.err, /said: .*needs one of eq/);
  t.regex((await run([...url, '--where', '{'], never)).err, /--where must be JSON/);
  t.regex((await run([...url, '--rate', '5000'], never)).err, /must be 1 to 1000, received 5000/);
  t.is((await run([...url, '--rate', 'x'], never)).exitCode, 2);
  const ingest = `http://${site.server.host}:${site.server.ingestPort}`;
  t.regex((await run(['--url', ingest], never)).err, /said: 404 ./);
});
