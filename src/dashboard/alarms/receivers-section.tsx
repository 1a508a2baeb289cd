/** Who can be told of alarms, and which alarms go to whom. */
import { counted, moment, shortLength, wholeMoment } from '../kit/format.ts';
import { Scroll } from '../kit/scroll.tsx';
import { usePage } from '../server/connection.ts';
import { Refused, Unanswered } from '../server/quality.tsx';
import { may } from '../server/session.ts';
import { useAskOn } from '../server/use-ask.ts';
import { useCommand } from '../server/use-command.ts';
import type { Receiver, Route } from './alarm-answers.ts';

const ROUTE = '{ match receiver continue groupBy groupWaitMs repeatIntervalMs }';
const RECEIVERS = `{
  receivers { name kind target waiting disabled { reason at } }
  routes { config ${ROUTE} own ${ROUTE} }
}`;
const ENABLE =
  'mutation ($name: String!) { result: enableReceiver(name: $name) { problems { path message } } }';

interface Found {
  readonly receivers: readonly Receiver[];
  readonly routes: { readonly config: readonly Route[]; readonly own: readonly Route[] };
}

export function ReceiversSection({ occasion }: { occasion: number }) {
  const { data, error, again } = useAskOn<Found>(occasion, RECEIVERS);
  return (
    <section id="receivers" class="section" aria-labelledby="receivers-title">
      <h2 id="receivers-title">Receivers</h2>
      <Unanswered data={data} error={error} again={again} />
      {data?.receivers.length === 0 && (
        <p>
          Nobody is told of an alarm: declare a receiver in the configuration, or by the mutation{' '}
          <code>putReceiver</code>.
        </p>
      )}
      <ul class="rows">
        {data?.receivers.map((receiver) => (
          <ReceiverRow key={receiver.name} receiver={receiver} changed={again} />
        ))}
      </ul>
      {data && <RouteTable routes={[...data.routes.config, ...data.routes.own]} />}
    </section>
  );
}

interface ReceiverRowProps {
  readonly receiver: Receiver;
  readonly changed: () => void;
}

function ReceiverRow({ receiver, changed }: ReceiverRowProps) {
  const { session } = usePage();
  const { name, kind, target, waiting, disabled } = receiver;
  const { run, isRunning, error } = useCommand(changed);
  return (
    <li>
      <b>{name}</b>
      <span class="grow">
        {kind} <code>{target}</code>
      </span>
      {waiting > 0 && <span class="quiet">{counted(waiting, 'message')} waiting</span>}
      {disabled !== null && (
        <>
          <span class="noted" title={wholeMoment(disabled.at)}>
            Told nothing since {moment(disabled.at)}: {REASONS[disabled.reason]}
          </span>
          {may(session, 'admin') && (
            <button type="button" disabled={isRunning} onClick={() => void run(ENABLE, { name })}>
              Tell it again
            </button>
          )}
        </>
      )}
      {error && <Refused error={error} />}
    </li>
  );
}

const REASONS: Readonly<Record<'gone' | 'operator', string>> = {
  gone: 'it answered that it is gone (410)',
  operator: 'an operator has turned it off',
};

/** In their order: the first that fits decides, unless it says that others may, too. */
function RouteTable({ routes }: { routes: readonly Route[] }) {
  if (routes.length === 0) return null;
  return (
    <Scroll label="Table of routes">
      <table>
        <caption class="quiet">Routes, in their order</caption>
        <thead>
          <tr>
            <th scope="col">Alarms with</th>
            <th scope="col">To</th>
            <th scope="col">One message for each</th>
            <th scope="col" class="number">
              Waits for more
            </th>
            <th scope="col" class="number">
              Told again after
            </th>
          </tr>
        </thead>
        <tbody>
          {routes.map(
            ({ match, receiver, groupBy, groupWaitMs, repeatIntervalMs, ...route }, i) => (
              <tr key={i}>
                <th scope="row">{match.join(' ') || 'whatever'}</th>
                <td>
                  {receiver}
                  {route.continue && <span class="quiet"> and whom the next ones say</span>}
                </td>
                <td>{groupBy.join(', ') || 'one for all'}</td>
                <td class="number">{shortLength(groupWaitMs)}</td>
                <td class="number">{shortLength(repeatIntervalMs)}</td>
              </tr>
            ),
          )}
        </tbody>
      </table>
    </Scroll>
  );
}
