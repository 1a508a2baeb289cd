import { join } from 'node:path';
import test from 'ava';
import type { AskServer } from '../../src/cli/ask-server.ts';
import { compareWithLedger } from '../../src/cli/segments-ledger.ts';
import { runCli } from '../../src/cli.ts';
import { AppError } from '../../src/model/errors.ts';
import { EMPTY_MANIFEST, type Manifest } from '../../storage/archive/manifest.ts';
import { fileOf, FIRST_HOUR_MS as HOUR, HOUR_MS, schemaOf } from '../hive/archive-fixture.ts';
import { archive, openSite, send } from '../query/cold/site.ts';

interface Line {
  readonly stream?: string;
  readonly hour?: number;
  readonly applied: number;
  readonly erased?: number;
}

interface Scene {
  readonly ledger: readonly Line[];
  /** Rows by hour, counted from `HOUR`. */
  readonly archived: Readonly<Record<number, number>>;
  /** What archive and log hold of an hour; default: what the ledger has. */
  readonly counted?: Readonly<Record<number, number>> | AppError;
  /** Of `archived` and of what is counted, by hour: what a restore has left out. */
  readonly beyond?: Readonly<Record<number, number>>;
  readonly keptMs?: number;
  /** Of erasures; undefined: the key may not see them. */
  readonly erasing?: readonly string[];
}

/** The ledger of one stream beside the archive, two hours later. */
async function compared({ ledger, archived, counted, beyond, keptMs = Infinity, erasing }: Scene) {
  const lines = ledger.map(({ stream = 'events', hour = 0, applied, erased = 0 }) => {
    return { stream, hour: HOUR + hour * HOUR_MS, applied, erased };
  });
  const schema = schemaOf('acme', 'events');
  const files = Object.entries(archived).map(([hour, rows]) =>
    fileOf(schema, Number(hour), { rows }),
  );
  const manifest: Manifest = {
    ...EMPTY_MANIFEST,
    files: new Map(files.map((file) => [file.path, file])),
  };
  const answer = (query: string, variables: Readonly<Record<string, unknown>>) => {
    if (query.includes('ledgerLines')) {
      const some = lines.filter(({ hour }) => hour >= Number(variables['from']));
      return { ledgerLines: { tenant: 'acme', position: '', nextFrom: null, lines: some } };
    }
    if (query.includes('erasures')) {
      if (erasing === undefined) throw new AppError('query_invalid', 'the key may not');
      return { erasures: erasing.map((state, id) => ({ id, state })) };
    }
    if (counted instanceof AppError) throw counted;
    const rows = counted
      ? Object.entries(counted).map(([hour, count]) => [HOUR + Number(hour) * HOUR_MS, count])
      : lines.map(({ hour, applied, erased }) => [hour, applied - erased]);
    const [, asked = ''] = /IN \(([\d,]+)\)/.exec(`${variables['query']}`) ?? [];
    const hours = new Set(asked.split(',').map((number) => Number(number) * HOUR_MS));
    const found = rows.filter(([hour]) => hours.has(Number(hour)));
    const limited = found.slice(0, Number(variables['limit']));
    return {
      sql: {
        rows: limited.map((row) => [...row, beyond?.[(Number(row[0]) - HOUR) / HOUR_MS] ?? 0]),
      },
    };
  };
  const server: AskServer = {
    origin: 'http://127.0.0.1:8081',
    ask: async <T>(query: string, variables = {}): Promise<T> =>
      JSON.parse(JSON.stringify(answer(query, variables))),
  };
  return compareWithLedger({
    server,
    load: async () => manifest,
    keptMs: () => keptMs,
    leftOut: beyond === undefined ? [] : [[50, 100]],
    nowMs: HOUR + 2 * HOUR_MS,
    sleep: async () => {},
  });
}

test('an archive that has what the ledger has, the erased events left out', async (t) => {
  const ledger = [{ applied: 10 }, { hour: 1, applied: 20, erased: 5 }];
  t.deepEqual(await compared({ ledger, archived: { 0: 10, 1: 15 } }), {
    tenant: 'acme',
    events: 25,
    waiting: 0,
    beyond: 0,
    findings: [],
  });
});

test('what the archive had beyond the backup when it was taken over is counted apart, and hides nothing', async (t) => {
  const ledger = [{ applied: 10 }, { hour: 1, applied: 20 }];
  const beyond = { 0: 30 };
  const whole = await compared({ ledger, beyond, archived: { 0: 40, 1: 20 } });
  t.like(whole, { events: 30, waiting: 0, beyond: 30, findings: [] });
  const { findings } = await compared({
    ...{ ledger, beyond, counted: { 0: 7 } },
    archived: { 0: 37, 1: 20 },
  });
  t.deepEqual(
    findings.map(({ problem }) => problem),
    ['the ledger has 10 events, the archive 7; in the log: 0 more'],
  );
  const even = await compared({
    ...{ ledger: [{ applied: 10 }], beyond: { 0: 5 }, archived: { 0: 10 }, counted: { 0: 5 } },
  });
  t.is(even.findings.length, 1, 'also where the sums are the same by chance');
});

test('what is not archived yet is in the log', async (t) => {
  const ledger = [{ applied: 10 }, { hour: 1, applied: 20 }];
  t.like(await compared({ ledger, archived: { 0: 10, 1: 12 } }), { waiting: 8, findings: [] });
});

test('more hours than one answer has rows for are counted in several', async (t) => {
  const ledger = Array.from({ length: 1_500 }, (_, hour) => ({ hour, applied: 2 }));
  t.like(await compared({ ledger, archived: { 0: 1 } }), { waiting: 2_999, findings: [] });
});

test('events that neither the archive nor the log has are named by stream and hour', async (t) => {
  const ledger = [{ applied: 10 }, { hour: 1, applied: 20 }];
  const { findings } = await compared({ ledger, archived: { 0: 9, 1: 20 }, counted: { 0: 9 } });
  t.deepEqual(findings, [
    {
      path: 'acme/events, arrived 2026-11-21T08Z',
      problem: 'the ledger has 10 events, the archive 9; in the log: 0 more',
    },
  ]);
});

test('events that the archive has twice, or that nobody applied, are named', async (t) => {
  const { findings } = await compared({
    ledger: [{ applied: 10 }],
    archived: { 0: 11, 1: 3 },
    counted: { 0: 11, 1: 3 },
  });
  t.deepEqual(
    findings.map(({ problem }) => problem),
    [
      'the ledger has 10 events, the archive 11; in the log: 0 more',
      'the ledger has 0 events, the archive 3; in the log: 0 more',
    ],
  );
});

test('an hour that is kept no longer, and hours before the first that is archived, are not missing', async (t) => {
  const ledger = [
    { hour: -5, applied: 7 },
    { hour: 0, applied: 10 },
    { hour: 1, applied: 5 },
  ];
  const counted = { 1: 5 };
  const young = await compared({ ledger, archived: { 1: 5 }, counted, keptMs: HOUR_MS });
  t.like(young, { events: 5, findings: [] });
  const first = await compared({ ledger, archived: { 0: 10, 1: 5 } });
  t.like(first, { events: 15, findings: [] });
});

test('events that the ledger counts an hour later, because clocks differed, are not missing', async (t) => {
  const ledger = [{ applied: 10 }, { hour: 1, applied: 20 }];
  t.like(await compared({ ledger, archived: { 0: 12, 1: 18 }, counted: {} }), { findings: [] });
  const { findings } = await compared({ ledger, archived: { 0: 12, 1: 17 }, counted: {} });
  t.is(findings.length, 2);
});

test('an hour with more streams than the ledger has lines for is left out', async (t) => {
  const ledger = [{ applied: 10 }, { stream: '__other__', applied: 90 }, { hour: 1, applied: 5 }];
  t.like(await compared({ ledger, archived: { 0: 30, 1: 5 } }), { events: 5, findings: [] });
});

test('beside an erasure that is under way nothing is called missing', async (t) => {
  const scene = { ledger: [{ applied: 10 }], archived: { 0: 9 }, counted: { 0: 9 } };
  await t.throwsAsync(compared({ ...scene, erasing: ['done', 'archive'] }), {
    message: /events are being erased \(erasure 1\): verify again/,
  });
  t.is((await compared({ ...scene, erasing: ['done', 'grace'] })).findings.length, 1);
});

test('what cannot be counted with the log is said with the reason', async (t) => {
  const counted = new AppError('query_overload', 'too much waits');
  const { findings } = await compared({ ledger: [{ applied: 10 }], archived: { 0: 4 }, counted });
  t.deepEqual(
    findings.map(({ problem }) => problem),
    ['the ledger has 10 events, the archive 4; in the log: too much waits'],
  );
});

test('beside a running server the archive is compared with its ledger, without one it is said that it was not', async (t) => {
  const site = await openSite();
  t.teardown(() => site.close());
  const { host, queryPort, dataDir } = site.server;
  const events = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ id: `e${n}`, type: 'view', n }));
  await archive(site, await send(site, 'shop', events(20)));
  await send(site, 'shop', events(25));
  const verify = async (...more: string[]) => {
    let said = '';
    const terminal = {
      out: (text: string) => {
        said += text;
      },
      err: (text: string) => {
        said += text;
      },
      isInteractive: false,
      readLine: async () => '',
      onStopSignal: () => () => {},
      abort: () => {},
    };
    const code = await runCli(
      ['segments', 'verify', '--data-dir', join(dataDir), ...more],
      terminal,
    );
    return { code, said };
  };
  const url = `http://${host}:${queryPort}`;
  const beside = await verify('--url', url);
  t.is(beside.code, 0, beside.said);
  t.regex(beside.said, /tenant "default": 25 events of these hours, 5 of them wait in the log/);
  await site.server.kill();
  const asked = await verify('--url', url);
  t.is(asked.code, 1);
  t.regex(asked.said, /all is well\nnot compared with the ledger: no server answers at/);
});
