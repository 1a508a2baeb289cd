import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  readInhibition,
  readReceiver,
  readRoute,
  readRule,
  readTimeInterval,
} from '../../src/config/alarms.ts';
import { formatProblem, loadConfig } from '../../src/config.ts';
import type { AlarmRule } from '../../src/model/alarm.ts';
import { isSafePattern } from '../../src/model/safe-pattern.ts';

const EXAMPLE = new URL('../../deploy/streamgauge.example.yaml', import.meta.url);
const MINUTE = 60_000;
const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;

test('a short rule gets every default', (t) => {
  t.deepEqual(rule(t, { name: 'errors', window: '5m', above: 100 }), {
    name: 'errors',
    tenant: 'default',
    stream: 'events',
    measure: { op: 'count' },
    filter: [],
    groupBy: [],
    normalize: [],
    windowMs: 5 * MINUTE,
    everyMs: 5_000,
    latenessMs: 10_000,
    condition: { kind: 'threshold', above: { fire: 100, clear: 100 } },
    forMs: 0,
    keepFiringForMs: 0,
    onNoValue: 'noData',
    severity: 'warning',
    escalation: [],
    suppress: [],
    labels: {},
    annotations: {},
    groupsMax: 1_000,
    forgetAfterMs: 10 * MINUTE,
  });
});

test('a full rule, as a person writes it', (t) => {
  const raw = {
    name: 'checkout_errors',
    tenant: 'acme',
    stream: 'shop',
    measure: 'quantile(duration_ms, 0.99)',
    filter: [{ field: 'type', in: ['error', 500] }],
    over: { measure: 'rate(bytes)' },
    groupBy: ['service', 'message'],
    normalize: ['message'],
    window: '10m',
    every: '1m',
    lateness: '2s',
    change: { versus: 'yesterday', above: { fire: 50, clear: 20 }, below: -50 },
    for: '2m',
    keepFiringFor: '5m',
    severity: 'info',
    escalation: [
      { afterWindows: 3, severity: 'warning' },
      { afterWindows: 6, severity: 'critical' },
    ],
    onNoValue: 'keep',
    labels: { team: 'web' },
    annotations: { summary: '{{value}} of {{labels.service}}, {{ labels.team }}' },
    groupsMax: 50,
    forgetAfter: '1h',
  };
  t.like(rule(t, raw), {
    measure: { op: 'quantile', field: 'duration_ms', q: 0.99 },
    over: { measure: { op: 'rate', field: 'bytes' }, filter: [] },
    filter: [{ field: 'type', in: ['error', '500'] }],
    condition: {
      kind: 'change',
      versus: 'yesterday',
      by: 'percent',
      above: { fire: 50, clear: 20 },
      below: { fire: -50, clear: -50 },
    },
    forMs: 2 * MINUTE,
    keepFiringForMs: 5 * MINUTE,
    forgetAfterMs: 60 * MINUTE,
    onNoValue: 'keep',
  });
});

test('measures have a short and a long form', (t) => {
  const measures = [
    ['count', { op: 'count' }],
    ['rate', { op: 'rate' }],
    ['rate(bytes)', { op: 'rate', field: 'bytes' }],
    ['sum(a.b)', { op: 'sum', field: 'a.b' }],
    ['last(celsius)', { op: 'last', field: 'celsius' }],
    ['distinct(user)', { op: 'distinct', field: 'user' }],
    ['quantile(a,b, 0.5)', { op: 'quantile', field: 'a,b', q: 0.5 }],
    [
      { op: 'avg', field: 'x' },
      { op: 'avg', field: 'x' },
    ],
  ] as const;
  for (const [measure, expected] of measures) {
    t.deepEqual(rule(t, { name: 'r', window: '1m', above: 1, measure }).measure, expected);
  }
  for (const measure of [
    'count(a)',
    'sum',
    'quantile(a)',
    'quantile(a, 1)',
    'x(a)',
    'top(a)',
    'histogram(a)',
  ]) {
    t.regex(problem({ name: 'r', window: '1m', above: 1, measure }), /^measure: expected "count"/);
  }
});

test('a rule is judged about 60 times in a window, at times that divide a day', (t) => {
  const every = (window: string, more = {}) =>
    rule(t, { name: 'r', window, above: 1, ...more }).everyMs;
  t.is(every('10s'), 1_000);
  t.is(every('1m'), 1_000);
  t.is(every('2h'), 2 * MINUTE);
  t.is(every('7d'), 60 * MINUTE);
  t.is(every('77s'), 1_000);
  t.is(rule(t, { name: 'r', window: '5m', anomaly: {} }).everyMs, MINUTE);
});

test('a group whose silence may be abnormal is remembered for a day', (t) => {
  const forget = (more: object) => rule(t, { name: 'r', window: '1m', ...more }).forgetAfterMs;
  t.is(forget({ above: 1 }), 10 * MINUTE);
  t.is(forget({ below: 1 }), 24 * 60 * MINUTE);
  t.is(forget({ noData: true }), 24 * 60 * MINUTE);
  t.is(forget({ above: 1, onNoValue: 'firing' }), 24 * 60 * MINUTE);
  t.is(forget({ above: 1, window: '1h' }), 120 * MINUTE);
});

test('no value is an alarm only where there is always one group that should have one', (t) => {
  const policy = (more: object) => rule(t, { name: 'r', window: '1m', ...more }).onNoValue;
  t.is(policy({ above: 1 }), 'noData');
  t.is(policy({ above: 1, groupBy: ['service'] }), 'ok');
  t.is(policy({ change: { above: 50 } }), 'ok');
});

const WRONG: readonly [raw: object, expected: RegExp][] = [
  [{ above: undefined }, /^: expected exactly one condition/],
  [{ noData: true }, /^: expected exactly one condition/],
  [{ above: { fire: 10, clear: 20 } }, /^above: expected "clear" to be at most "fire"/],
  [{ below: 200 }, /^below: expected a band/],
  [{ above: 'much' }, /^above: expected a number, or \{fire: 100, clear: 80\}.*received "much"$/],
  [{ every: '7s' }, /^every: expected a duration that divides a day/],
  [{ every: '8s' }, /^window: expected a multiple of "every" \(8s\), received "1m"/],
  [{ window: '1d', every: '1s' }, /^every: expected at most 3600 times/],
  [{ window: '1h', every: '1s', groupsMax: 5_000 }, /^groupsMax: expected at most 1111 groups/],
  [{ forgetAfter: '10s' }, /^forgetAfter: expected at least the window \(1m\)/],
  [
    { above: undefined, anomaly: {}, every: '10s' },
    /^every: expected whole minutes, because the rule compares with past days/,
  ],
  [
    { above: undefined, anomaly: { weeks: 2 }, window: '1h' },
    /^anomaly\.weeks: expected at least 3/,
  ],
  [{ above: undefined, change: {} }, /^change: expected "above" or "below"/],
  [
    { escalation: [{ afterWindows: 1, severity: 'info' }] },
    /^escalation\[0\]\.severity: expected a/,
  ],
  [{ normalize: ['x'] }, /^normalize\[0\]: expected one of "groupBy"/],
  [{ groupBy: ['a', 'a'] }, /^groupBy\[1\]: expected each only once/],
  [{ groupBy: ['severity'] }, /^groupBy\[0\]: expected a field whose name is no other label/],
  [{ labels: { tenant: 'x' } }, /^labels: expected a group of at most 64 labels/],
  [
    { annotations: { a: '{{labels.host}}' } },
    /^annotations\.a: expected no \{\{labels\.host\}\}: there are/,
  ],
  [
    { annotations: { a: 'on {{labels.service' } },
    /^annotations\.a: expected no "\{\{labels\.service" without "\}\}": there are/,
  ],
  [{ windows: '1m' }, /^windows: unknown key; did you mean window\?/],
  [{ name: 'a b' }, /^name: expected a name: 1 to 64 letters/],
];
for (const [raw, expected] of WRONG) {
  test(`refused: ${JSON.stringify(raw)}`, (t) => {
    t.regex(problem({ name: 'r', window: '1m', above: 100, ...raw }), expected);
  });
}

test('a bound that is no number is shown as it is', (t) => {
  const problemOf = (above: unknown): string => {
    const read = readRule({ name: 'r', window: '1m', above });
    return read.ok ? 'fine' : read.error.map(formatProblem).join();
  };
  t.regex(problemOf(Number.NaN), /received NaN$/);
  t.regex(problemOf({ fire: Number.NaN }), /received \{"fire":"NaN"\}$/);
});

test('a rule by mutation belongs to the tenant who asks, whatever it says', (t) => {
  const read = readRule({ name: 'r', window: '1m', above: 1, tenant: 'other' }, 'acme');
  t.is(read.ok && read.value.tenant, 'acme');
  t.false(readRule('nonsense', 'acme').ok);
});

test('receivers of four kinds', (t) => {
  const webhook = value(
    readReceiver({ name: 'ops', webhook: { url: 'https://x.org/a', secrets: [SECRET] } }),
  );
  t.like(webhook, {
    kind: 'webhook',
    method: 'POST',
    concurrency: 4,
    sendResolved: true,
    timeoutMs: 10_000,
    secrets: [SECRET],
    retry: { waitMsMin: 5_000, waitMsMax: 60 * MINUTE, giveUpAfterMs: 24 * 60 * MINUTE },
  });
  const mail = { smtp: 'smtp://a:b@mail.org', from: 'Me <a@b.org>', to: ['c@d.org'] };
  t.like(value(readReceiver({ name: 'mail', email: mail })), { kind: 'email', ...mail });
  t.like(value(readReceiver({ name: 'tty', console: {} })), {
    kind: 'console',
    bell: true,
    concurrency: 1,
  });
  t.like(value(readReceiver({ name: 'f', file: { path: 'a' } })), { kind: 'file', path: 'a' });
});

test('a receiver with none or two kinds, or what is no text, is refused', (t) => {
  const url = 'https://x.org';
  const receivers: readonly [object, RegExp][] = [
    [{}, /expected exactly one of "webhook"/],
    [{ console: {}, file: { path: 'a' } }, /expected exactly one of "webhook"/],
    [{ webhook: { url, secrets: [7] } }, /^webhook\.secrets\[0\]: .*received "\*\*\*/],
    [{ webhook: { url, headers: ['c'] } }, /^webhook\.headers: expected a group/],
    [{ email: { smtp: 'smtp://m', from: 'a@b\nBcc: x@y', to: ['a@b'] } }, /^email\.from/],
    [
      { console: {}, retry: { waitMin: '1h', waitMax: '1s' } },
      /^retry\.waitMax: expected at least/,
    ],
  ];
  for (const [raw, expected] of receivers) {
    const read = readReceiver({ name: 'r', ...raw });
    t.regex(read.ok ? 'fine' : read.error.map(formatProblem).join('\n'), expected);
  }
});

test('matchers are those of Alertmanager', (t) => {
  const match = ['a=b', 'a != "b c"', 'a=~api|web', 'a!~x.*', 'a='];
  t.deepEqual(value(readRoute({ receiver: 'r', match })).matchers, [
    { label: 'a', op: 'eq', value: 'b' },
    { label: 'a', op: 'ne', value: 'b c' },
    { label: 'a', op: 'matches', value: 'api|web' },
    { label: 'a', op: 'notMatches', value: 'x.*' },
    { label: 'a', op: 'eq', value: '' },
  ]);
  t.false(readRoute({ receiver: 'r', match: ['no sign'] }).ok);
  t.false(readRoute({ receiver: 'r', match: ['a=~('] }).ok);
  t.false(readInhibition({ source: [], target: ['a=b'] }).ok);
});

test('a pattern that could take for ever is refused', (t) => {
  const safe = [
    'api|web',
    'api-.*',
    '[a-z]+-\\d+',
    '(api|web)-.*',
    'a{2,3}',
    '\\(a\\)*',
    '[*+?]',
    'a+?',
  ];
  const unsafe = [
    '(a+)+',
    '(a|a)*',
    '(a*){9}',
    '(?=a)',
    '(a)\\1',
    'a*a*a*a*',
    '(',
    'x'.repeat(257),
  ];
  for (const pattern of safe) t.true(isSafePattern(pattern), pattern);
  for (const pattern of unsafe) t.false(isSafePattern(pattern), pattern);
});

test('time intervals name days, hours, days of the month and months', (t) => {
  const read = (range: object) => value(readTimeInterval({ name: 'i', ranges: [range] })).ranges[0];
  t.deepEqual(read({ weekdays: ['monday-friday', 'Sun'] }), { weekdays: [0, 1, 2, 3, 4, 5] });
  t.deepEqual(read({ weekdays: ['saturday-monday'] }), { weekdays: [0, 1, 6] });
  t.deepEqual(read({ times: ['20:00-24:00'] }), {
    times: [{ fromMinute: 1_200, toMinute: 1_440 }],
  });
  t.deepEqual(read({ daysOfMonth: ['1-3', -1] }), { daysOfMonth: [-1, 1, 2, 3] });
  t.deepEqual(read({ months: ['november-january', 6] }), { months: [1, 6, 11, 12] });
});

test('hours over midnight, days that are none and unknown zones are refused', (t) => {
  const ranges = [
    { times: ['22:00-06:00'] },
    { times: ['7-8'] },
    { weekdays: ['funday'] },
    { daysOfMonth: [0] },
    { daysOfMonth: ['1--1'] },
    { months: [13] },
  ];
  for (const range of ranges) t.false(readTimeInterval({ name: 'i', ranges: [range] }).ok);
  t.false(readTimeInterval({ name: 'i', timeZone: 'Moon/Base', ranges: [{}] }).ok);
});

const FULL = `alarms:
  rules:
    - {name: a, window: 5m, above: {fire: 100, clear: 80}, suppress: [nights], labels: {team: web}}
    - {name: b, window: 1h, over: {measure: count}, change: {versus: lastWeek, below: -20}, groupBy: [service]}
    - {name: c, window: 5m, measure: "quantile(ms, 0.99)", anomaly: {}, escalation: [{afterWindows: 2, severity: critical}]}
    - {name: d, window: 5m, noData: true}
  receivers:
    - {name: tty, console: {}}
    - {name: file, file: {path: /tmp/alarms.ndjson}}
  routes:
    - {match: ["severity=critical", "service=~api|web", 'x=" y"'], receiver: tty, muteIn: [nights]}
  inhibitions:
    - {source: ["severity=critical"], target: ["severity=warning"], equal: [service]}
  timeIntervals:
    - {name: nights, timeZone: Europe/Berlin, ranges: [{weekdays: [monday-friday], times: ["20:00-24:00"], daysOfMonth: ["-3--1"], months: [may]}]}
`;

test('what is in force, written as a file, gives the same alarms again', (t) => {
  const first = load(t, FULL);
  t.true(first.ok, first.ok ? '' : first.error.map(formatProblem).join('\n'));
  const again = load(t, first.ok ? first.value.asYaml : '');
  t.deepEqual(again.ok && again.value.config.alarms, first.ok && first.value.config.alarms);
});

test('what the example file shows of alarms is usable once it is no comment any more', (t) => {
  const text = readFileSync(EXAMPLE, 'utf8');
  const alarms = text.slice(text.indexOf('\nalarms:'), text.indexOf('\nlogging:'));
  const shown = alarms
    .replaceAll(/^ {2}# {2}/gm, '  ')
    .replaceAll(/^( {2}\w+): \[\].*$/gm, '$1:')
    .replace('whsec_…', SECRET);
  const loaded = load(t, shown);
  t.true(loaded.ok, loaded.ok ? '' : loaded.error.map(formatProblem).join('\n'));
  const { server, ...lists } = loaded.ok ? loaded.value.config.alarms : { server: undefined };
  t.deepEqual(
    Object.values(lists).map(({ length }) => length),
    [1, 4, 1, 1, 1],
  );
  t.like(server, { isEnabled: true, tenant: 'default', ingestLagMs: 30_000 });
});

test('names that are unknown or used twice are found, with their place', (t) => {
  const text = `alarms:
  rules:
    - {name: a, window: 1m, above: 1, suppress: [nights]}
    - {name: a, window: 1m, above: 1}
  receivers:
    - {name: ops, console: {}}
  routes:
    - {receiver: opps}
`;
  const loaded = load(t, text);
  t.deepEqual(loaded.ok ? [] : loaded.error.map(formatProblem), [
    'streamgauge.yaml:4:8: alarms.rules[1].name: expected a name that no other one has, received "a"',
    'streamgauge.yaml:3:50: alarms.rules[0].suppress[0]: expected the name of a time interval (there is none), received "nights"',
    'streamgauge.yaml:8:8: alarms.routes[0].receiver: expected the name of a receiver (there are ops), received "opps"',
  ]);
});

test('a problem inside of a rule names line, column and key', (t) => {
  const loaded = load(t, 'alarms:\n  rules:\n    - name: a\n      window: 1m\n      above: x\n');
  t.regex(
    loaded.ok ? '' : loaded.error.map(formatProblem).join('\n'),
    /^streamgauge\.yaml:5:7: alarms\.rules\[0\]\.above: expected a number/,
  );
});

test('what a receiver cannot send with is found, with its place', (t) => {
  const text = `alarms:
  receivers:
    - name: hook
      webhook:
        url: file:///etc
        secrets: [whsec_YQ==]
        headers:
          X.Team: "{{nothing"
          Host: here
        body: |
          {
          {{/if}}
        allowNetworks: [10.0.0.0/40]
    - name: mail
      email: {smtp: "smtps://m", from: a@b.org, to: [], subject: "{{each}"}
`;
  const loaded = load(t, text);
  t.deepEqual(loaded.ok ? [] : loaded.error.map(formatProblem), [
    'streamgauge.yaml:5:9: alarms.receivers[0].webhook.url: expected an address that begins with http:// or https://, received "file:///etc"',
    'streamgauge.yaml:8:11: alarms.receivers[0].webhook.headers.X.Team: "{{" without "}}"; the text itself is written {{"{{"}} (line 1, column 1 of this text), received "*** (9 characters)"',
    'streamgauge.yaml:9:11: alarms.receivers[0].webhook.headers.Host: is set by the server itself, received "*** (4 characters)"',
    'streamgauge.yaml:10:9: alarms.receivers[0].webhook.body: {{/if}} closes nothing (line 2, column 1 of this text), received "{\\n{{/if}}\\n"',
    'streamgauge.yaml:6:19: alarms.receivers[0].webhook.secrets[0]: expected whsec_ and 24 to 64 bytes in base64, padded, received "*** (10 characters)"',
    'streamgauge.yaml:13:25: alarms.receivers[0].webhook.allowNetworks[0]: "10.0.0.0/40" is no network: expected an address and a length, like 10.1.0.0/16, received "10.0.0.0/40"',
    'streamgauge.yaml:15:49: alarms.receivers[1].email.to: expected at least one address, received []',
    'streamgauge.yaml:15:57: alarms.receivers[1].email.subject: "{{" without "}}"; the text itself is written {{"{{"}} (line 1, column 1 of this text), received "{{each}"',
  ]);
});

test('without routes every receiver is told of everything', (t) => {
  const loaded = load(t, 'alarms: {receivers: [{name: a, console: {}}, {name: b, console: {}}]}');
  const routes = loaded.ok ? loaded.value.config.alarms.routes : [];
  t.deepEqual(
    routes.map((route) => [route.receiver, route.continue, route.matchers.length]),
    [
      ['a', true, 0],
      ['b', true, 0],
    ],
  );
});

test('no secret of a receiver is shown', (t) => {
  const text = `alarms:
  receivers:
    - name: ops
      webhook: {url: "https://hooks.example.org/services/T0PSECRET", secrets: [${SECRET}], headers: {Authorization: T1PSECRET}}
    - name: mail
      email: {smtp: "smtp://me:T2PSECRET@mail.example.org", from: a@b.org, to: [c@d.org]}
`;
  const loaded = load(t, text);
  const shown = loaded.ok ? loaded.value.asYaml + JSON.stringify(loaded.value.asValues) : 'SECRET';
  t.notRegex(shown, /SECRET/);
  t.false(shown.includes(SECRET));
  t.regex(shown, /hooks\.example\.org/);
});

test('a file receiver writes beside the configuration that names it', (t) => {
  const loaded = load(t, 'alarms: {receivers: [{name: f, file: {path: a.ndjson}}]}');
  const receiver = loaded.ok ? loaded.value.config.alarms.receivers[0] : undefined;
  t.regex(receiver?.kind === 'file' ? receiver.path : '', /^\/.+\/a\.ndjson$/);
});

function rule(t: ExecutionContext, raw: object): AlarmRule {
  const read = readRule(raw);
  if (!read.ok) t.fail(read.error.map(formatProblem).join('\n'));
  return value(read);
}

function problem(raw: object): string {
  const read = readRule(JSON.parse(JSON.stringify(raw)));
  return read.ok ? 'fine' : read.error.map(formatProblem).join('\n');
}

function value<T>(
  read:
    | { readonly ok: true; readonly value: T }
    | { readonly ok: false; readonly error: readonly { message: string }[] },
): T {
  if (read.ok) return read.value;
  throw new Error(read.error.map(({ message }) => message).join('\n'));
}

function load(t: ExecutionContext, text: string) {
  const cwd = mkdtempSync(join(tmpdir(), 'streamgauge-alarms-'));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'streamgauge.yaml'), text);
  return loadConfig({ cwd, env: {} });
}
