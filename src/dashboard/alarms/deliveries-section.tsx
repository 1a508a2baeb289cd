/** Messages to receivers: what became of each, and once more by hand. */
import { useState } from 'preact/hooks';
import { AsOf } from '../kit/as-of.tsx';
import { counted, moment, wholeMoment } from '../kit/format.ts';
import { Pager } from '../kit/pager.tsx';
import { usePage } from '../server/connection.ts';
import { Refused, Unanswered } from '../server/quality.tsx';
import { may } from '../server/session.ts';
import { useAskOn } from '../server/use-ask.ts';
import { useCommand } from '../server/use-command.ts';
import type { Delivery } from './alarm-answers.ts';

const DELIVERIES = `query ($after: String) {
  deliveries(first: 20, after: $after) {
    nextCursor
    deliveries {
      id receiver state createdAt alarms { status labels { name value } } truncatedAlarms
      attemptCount attempts { at outcome status detail } nextAttempt
    }
  }
}`;
const RESEND =
  'mutation ($id: ID!) { result: resendDelivery(id: $id) { problems { path message } } }';

export function DeliveriesSection({ occasion }: { occasion: number }) {
  const [after, setAfter] = useState<string>();
  const { data, error, again } = useAskOn<{
    readonly deliveries: {
      readonly deliveries: readonly Delivery[];
      readonly nextCursor: string | null;
    };
  }>(occasion, DELIVERIES, { after });
  const { deliveries = [], nextCursor = null } = data?.deliveries ?? {};
  return (
    <section id="deliveries" class="section" aria-labelledby="deliveries-title">
      <h2 id="deliveries-title">Deliveries</h2>
      <Unanswered data={data} error={error} again={again} />
      {data && (
        <p>
          {deliveries.length === 0 && 'No message was made for any receiver. '}
          <AsOf answer={data} again={again} />
        </p>
      )}
      <ul class="rows">
        {deliveries.map((delivery) => (
          <DeliveryRow key={delivery.id} delivery={delivery} changed={again} />
        ))}
      </ul>
      <Pager after={after} next={nextCursor} show={setAfter} />
    </section>
  );
}

const WORDS: Readonly<Record<Delivery['state'], string>> = {
  waiting: 'waits',
  delivered: 'delivered',
  dead: 'given up',
  cancelled: 'cancelled',
};

function DeliveryRow({ delivery, changed }: { delivery: Delivery; changed: () => void }) {
  const { session } = usePage();
  const { run, isRunning, error } = useCommand(changed);
  const { id, receiver, state, createdAt, alarms, truncatedAlarms, attemptCount } = delivery;
  const last = delivery.attempts.at(-1);
  const names = [...new Set(alarms.map(({ labels, status }) => `${nameIn(labels)} ${status}`))];
  return (
    <li>
      <time title={wholeMoment(createdAt)}>{moment(createdAt)}</time>
      <b class={state === 'dead' ? 'noted' : undefined}>{WORDS[state]}</b>
      <span class="grow">
        {receiver}{' '}
        <span class="quiet">
          {names.slice(0, 3).join(', ')}
          {(names.length > 3 || truncatedAlarms > 0) && ' and more'}
        </span>
      </span>
      <span class="quiet">
        {counted(attemptCount, 'attempt')}
        {last && `, the last ${last.outcome}${last.status === null ? '' : ` (${last.status})`}`}
        {last && last.outcome !== 'delivered' && `: ${last.detail.slice(0, DETAIL_CHARS_MAX)}`}
        {delivery.nextAttempt !== null && `; the next at ${moment(delivery.nextAttempt)}`}
      </span>
      {may(session, 'admin') && (
        <button type="button" disabled={isRunning} onClick={() => void run(RESEND, { id })}>
          Send again
        </button>
      )}
      {error && <Refused error={error} />}
    </li>
  );
}

const DETAIL_CHARS_MAX = 200;

const nameIn = (labels: Delivery['alarms'][number]['labels']): string =>
  labels.find(({ name }) => name === 'alertname')?.value ?? '';
