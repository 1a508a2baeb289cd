import test from 'ava';
import { shownDelivery, shownReceiver, shownSilence } from '../../graphql/resolvers/alarm-views.ts';
import type { Delivery, Receiver } from '../../src/model/notification.ts';
import { EPOCH_MS_MAX } from '../../src/model/units.ts';
import { receiver, START, silence } from '../actors/alarm-board/scene.ts';

const { tenant, name, sendResolved, concurrency, timeoutMs, retry } = receiver();
const WEBHOOK: Receiver = {
  ...{ tenant, name, sendResolved, concurrency, timeoutMs, retry },
  kind: 'webhook',
  method: 'POST',
  url: 'https://example.org/hook',
  headers: {},
  secrets: [],
  allowNetworks: [],
  body: '{"key": "k-1"}',
};
const SENT: Delivery = {
  notification: {
    id: '1',
    tenant,
    receiver: name,
    createdAtMs: START,
    groupKey: '{}',
    groupLabels: {},
    externalUrl: '',
    alarms: [],
    truncatedAlarms: 0,
  },
  sequence: 1,
  state: 'delivered',
  attemptCount: 1,
  attempts: [],
  request: { url: 'https://example.org/***', headers: {}, body: '{"key": "k-1"}' },
};

test('templates and the bodies that are made of them are shown to admins only', (t) => {
  const view = { receiver: WEBHOOK, source: 'mutation', disabled: null, waiting: 0 } as const;
  const shown = (isAdmin: boolean) =>
    JSON.stringify([shownReceiver(view, isAdmin), shownDelivery(SENT, isAdmin)]);
  t.is(shown(true).split('k-1').length, 3);
  t.notRegex(shown(false), /k-1/);
  t.regex(shown(false), /example\.org/);
});

test('a silence whose end lies past all times that can be written is shown with the last of them', (t) => {
  const endsAtMs = START + 99_999_999 * 86_400_000;
  const shown = shownSilence({
    silence: { ...silence([], 0, 1), id: 's', endsAtMs },
    state: 'active',
  });
  t.like(shown, { startsAt: START, endsAt: EPOCH_MS_MAX });
});
