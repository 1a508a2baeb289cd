/** Who is told what and when: each line is one fact of docs/alarms.md. */
import test from 'ava';
import { alarmId } from '../../../actors/alarm-board/hashes.ts';
import type { BoardSettings } from '../../../actors/alarm-board/machine.ts';
import type { TimeInterval } from '../../../src/model/notification.ts';
import { HOUR, is, MINUTE, receiver, route, rule, Scene, SECOND, silence } from './scene.ts';

const HALF_PAST: TimeInterval = {
  name: 'breaks',
  timeZone: 'UTC',
  ranges: [{ times: [{ fromMinute: 12 * 60, toMinute: 12 * 60 + 30 }] }],
};
const CRITICAL_INHIBITS: Partial<BoardSettings> = {
  inhibitions: [
    { source: [is('severity', 'critical')], target: [is('severity', 'warning')], equal: [] },
  ],
};

const TABLE: readonly [
  fact: string,
  settings: Partial<BoardSettings>,
  script: (scene: Scene) => unknown,
  told: string[],
][] = [
  [
    'alarms of one group that fire together are one message, in the order of their start',
    {},
    (s) => s.fires('api').fires('web').send(),
    ['+0 ops: firing api, firing web'],
  ],
  [
    'a new group waits for others to join',
    { routes: [route({ groupWaitMs: 30 * SECOND })] },
    (s) =>
      s
        .fires('api')
        .send()
        .at(15 * SECOND)
        .fires('web')
        .send()
        .at(30 * SECOND),
    ['+0.5 ops: firing api, firing web'],
  ],
  [
    'what is new in a group waits for its interval, and is told with what still fires',
    {},
    (s) =>
      s
        .fires('api')
        .send()
        .at(10 * SECOND)
        .fires('web')
        .send()
        .at(59 * SECOND)
        .at(MINUTE),
    ['+0 ops: firing api', '+1 ops: firing web, firing api'],
  ],
  [
    'nothing new is said again only after the repeat interval',
    {},
    (s) =>
      s
        .fires('api')
        .send()
        .at(3 * HOUR)
        .at(4 * HOUR)
        .at(5 * HOUR),
    ['+0 ops: firing api', '+240 ops: firing api'],
  ],
  [
    'the end is told to whom the beginning was told',
    {},
    (s) => s.fires('api').send().at(MINUTE).resolves('api').send(),
    ['+0 ops: firing api', '+1 ops: resolved api'],
  ],
  [
    'what fired and resolved between two messages is told as resolved',
    {},
    (s) =>
      s
        .fires('api')
        .send()
        .at(10 * SECOND)
        .fires('web')
        .at(20 * SECOND)
        .resolves('web')
        .at(MINUTE),
    ['+0 ops: firing api', '+1 ops: resolved web, firing api'],
  ],
  [
    'an alarm that fires twice between two messages is in it twice',
    { routes: [route({ groupWaitMs: MINUTE })] },
    (s) =>
      s
        .fires('api')
        .resolves('api')
        .at(SECOND)
        .fires('api')
        .at(2 * SECOND)
        .resolves('api')
        .at(MINUTE),
    ['+1 ops: resolved api, resolved api'],
  ],
  [
    'a receiver without resolved messages is told of the beginning only',
    { receivers: [receiver('ops', { sendResolved: false })] },
    (s) =>
      s
        .fires('api')
        .send()
        .at(MINUTE)
        .resolves('api')
        .send()
        .at(2 * MINUTE),
    ['+0 ops: firing api'],
  ],
  [
    'a receiver without resolved messages is not told of what began and ended between two messages',
    {
      receivers: [receiver('ops', { sendResolved: false })],
      routes: [route({ groupWaitMs: MINUTE })],
    },
    (s) =>
      s
        .fires('api')
        .at(SECOND)
        .resolves('api')
        .fires('web')
        .at(2 * MINUTE),
    ['+2 ops: firing web'],
  ],
  [
    'no data and errors are told of, with their state',
    {},
    (s) => s.change('api', { from: 'ok', to: 'noData' }).send(),
    ['+0 ops: noData api'],
  ],
  [
    'another state of the same alarm is news',
    {},
    (s) => s.fires('api').send().at(MINUTE).change('api', { from: 'firing', to: 'noData' }).send(),
    ['+0 ops: firing api', '+1 ops: noData api'],
  ],
  [
    'a higher severity is news',
    {},
    (s) =>
      s
        .fires('api')
        .send()
        .at(MINUTE)
        .change('api', { from: 'firing', to: 'firing', severity: 'critical', escalated: true })
        .send(),
    ['+0 ops: firing api', '+1 ops: firing api critical'],
  ],
  [
    'an alarm that escalates to another receiver still ends for the first',
    {
      receivers: [receiver('pager'), receiver('ops')],
      routes: [
        route({ receiver: 'pager', matchers: [is('severity', 'critical')] }),
        route({ receiver: 'ops' }),
      ],
    },
    (s) =>
      s
        .fires('api')
        .send()
        .at(MINUTE)
        .change('api', { from: 'firing', to: 'firing', severity: 'critical', escalated: true })
        .send()
        .at(2 * MINUTE)
        .resolves('api', 'critical')
        .send(),
    [
      '+0 ops: firing api',
      '+1 pager: firing api critical',
      '+2 ops: resolved api critical',
      '+2 pager: resolved api critical',
    ],
  ],
  [
    'an acknowledged alarm is not repeated',
    {},
    (s) => {
      s.fires('api').send();
      s.machine.acknowledge('acme', alarmId('acme', 'errors', ['api']), {
        author: 'ann',
        comment: '',
        atMs: s.nowMs,
      });
      s.at(4 * HOUR)
        .at(8 * HOUR)
        .resolves('api')
        .send();
    },
    ['+0 ops: firing api', '+480 ops: resolved api'],
  ],
  [
    'an escalation ends the acknowledgement',
    {},
    (s) => {
      s.fires('api').send();
      s.machine.acknowledge('acme', alarmId('acme', 'errors', ['api']), {
        author: 'ann',
        comment: '',
        atMs: s.nowMs,
      });
      s.at(MINUTE)
        .change('api', { from: 'firing', to: 'firing', severity: 'critical', escalated: true })
        .send()
        .at(4 * HOUR + MINUTE);
    },
    ['+0 ops: firing api', '+1 ops: firing api critical', '+241 ops: firing api critical'],
  ],
  [
    'a silenced alarm that still fires is told of when the silence ends',
    {},
    (s) => {
      s.machine.silences.put(silence([is('service', 'api')], 0, 10 * MINUTE));
      s.fires('api')
        .send()
        .at(9 * MINUTE)
        .at(10 * MINUTE);
    },
    ['+10 ops: firing api'],
  ],
  [
    'one that fired and resolved in silence is not told of',
    {},
    (s) => {
      s.machine.silences.put(silence([is('service', 'api')], 0, 10 * MINUTE));
      s.fires('api').send().at(MINUTE).resolves('api').send().at(HOUR);
    },
    [],
  ],
  [
    'the end of an alarm that was told of passes a silence: it closes what was opened',
    {},
    (s) => {
      s.fires('api').send();
      s.machine.silences.put(silence([is('service', 'api')], 0, HOUR));
      s.at(MINUTE).resolves('api').send();
    },
    ['+0 ops: firing api', '+1 ops: resolved api'],
  ],
  [
    'a silence of another tenant does nothing',
    {},
    (s) => {
      s.machine.silences.put({ ...silence([is('service', 'api')], 0, HOUR), tenant: 'other' });
      s.fires('api').send();
    },
    ['+0 ops: firing api'],
  ],
  [
    'an inhibited alarm is told of when its source has resolved',
    CRITICAL_INHIBITS,
    (s) =>
      s
        .fires('db', 'critical')
        .fires('api')
        .send()
        .at(5 * MINUTE)
        .resolves('db', 'critical')
        .send(),
    ['+0 ops: firing db critical', '+5 ops: resolved db critical, firing api'],
  ],
  [
    'a route that is mute keeps what still fires until its interval ends',
    { routes: [route({ muteIn: ['breaks'] })], timeIntervals: [HALF_PAST] },
    (s) =>
      s
        .fires('api')
        .send()
        .at(29 * MINUTE)
        .at(30 * MINUTE),
    ['+30 ops: firing api'],
  ],
  [
    'the end of an alarm that was told of waits while the route is mute',
    { routes: [route({ activeIn: ['breaks'] })], timeIntervals: [HALF_PAST] },
    (s) =>
      s
        .fires('api')
        .send()
        .at(HOUR)
        .resolves('api')
        .send()
        .at(24 * HOUR),
    ['+0 ops: firing api', '+1440 ops: resolved api'],
  ],
  [
    'a rule is silent in its own times',
    { rules: [rule({ suppress: ['breaks'] })], timeIntervals: [HALF_PAST] },
    (s) =>
      s
        .fires('api')
        .send()
        .at(30 * MINUTE),
    ['+30 ops: firing api'],
  ],
  [
    'a disabled receiver is told of what still fires when it is enabled',
    {},
    (s) => {
      const ref = { tenant: 'acme', name: 'ops' };
      s.machine.disable({ ...ref, reason: 'operator', atMs: s.nowMs });
      s.fires('api').fires('web').send().at(MINUTE).resolves('web').send();
      s.machine.enable(ref);
      s.at(2 * MINUTE);
    },
    ['+2 ops: firing api'],
  ],
  [
    'a tenant without routes of its own has each receiver that it added told of everything',
    {
      routes: [],
      receivers: [receiver('ops'), receiver('mine')],
      ownReceivers: new Map([['acme', ['mine']]]),
    },
    (s) => s.fires('api').send(),
    ['+0 mine: firing api'],
  ],
];

for (const [fact, settings, script, told] of TABLE) {
  test(fact, (t) => {
    const scene = new Scene(settings);
    script(scene);
    t.deepEqual(scene.told, told);
  });
}

test('what finds no room in a message is in the next one', (t) => {
  const scene = new Scene();
  for (let i = 0; i < 600; i++) scene.fires(`s${i}`);
  scene.send().at(MINUTE);
  t.deepEqual(
    scene.deliveries.map(({ notification }) => [
      notification.alarms.length,
      notification.truncatedAlarms,
    ]),
    [
      [500, 100],
      [500, 100],
    ],
  );
  const told = scene.deliveries.flatMap(({ notification }) =>
    notification.alarms.map(({ labels }) => labels['service']),
  );
  t.is(new Set(told).size, 600);
});

test('an alarm keeps its fingerprint when its severity rises', (t) => {
  const scene = new Scene();
  scene.fires('api').send().at(MINUTE);
  scene.change('api', { from: 'firing', to: 'firing', severity: 'critical', escalated: true });
  scene.send();
  const prints = scene.deliveries.map(({ notification }) => notification.alarms[0]?.fingerprint);
  t.is(new Set(prints).size, 1);
});

test('what is over and told leaves nothing behind', (t) => {
  const scene = new Scene();
  scene.fires('api').send().at(MINUTE).resolves('api').send();
  const { alarms, groups } = scene.machine.save();
  t.deepEqual([alarms, groups], [[], []]);
});
