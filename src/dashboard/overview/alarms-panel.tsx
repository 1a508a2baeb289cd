/** What fires, told as it is committed. */

import { moment, shortNumber, wholeMoment } from '../kit/format.ts';
import { labelsInWords } from '../server/alarm-labels.ts';
import type { Alarm, AlarmUpdate } from '../server/answers.ts';
import { Unanswered } from '../server/quality.tsx';
import { useLive } from '../server/use-live.ts';

const ALARMS = `subscription {
  alarmChanged {
    snapshot
    alarms { id rule labels { name value } state severity since value }
    changes { alarm rule labels { name value } to at value severity }
  }
}`;

type Alarms = ReadonlyMap<string, Alarm>;

/** A change may tell what the snapshot has shown already: it is the same again. */
function fold(
  before: Alarms | undefined,
  { alarmChanged }: { readonly alarmChanged: AlarmUpdate },
): Alarms {
  const { snapshot, alarms, changes } = alarmChanged;
  const all = new Map(snapshot ? alarms.map((alarm) => [alarm.id, alarm]) : before);
  for (const { alarm, to, at, ...rest } of changes) {
    if (to === 'ok') all.delete(alarm);
    else all.set(alarm, { ...rest, id: alarm, state: to, since: at });
  }
  return all;
}

const ORDER = ['critical', 'warning', 'info'];
/** More than this nobody reads here; the count says how many there are. */
const ALARMS_SHOWN = 20;

export function AlarmsPanel() {
  const { data, error, again } = useLive(ALARMS, {}, fold);
  const notOk = [...(data?.values() ?? [])];
  const firing = notOk
    .filter(({ state }) => state === 'firing')
    .sort(
      (a, b) =>
        ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || (b.since ?? 0) - (a.since ?? 0),
    );
  return (
    <section class="panel" aria-labelledby="alarms-title">
      <h2 id="alarms-title">Alarms</h2>
      <Unanswered data={data} error={error} again={again} />
      {data && (
        <>
          <p aria-live="polite">
            {firing.length === 0 ? 'Nothing fires.' : `${firing.length} firing.`}
            {notOk.length > firing.length && (
              <span class="quiet">
                {' '}
                {notOk.length - firing.length} pending, or without a value.
              </span>
            )}
          </p>
          <ul class="rows">
            {firing.slice(0, ALARMS_SHOWN).map(({ id, rule, labels, severity, since, value }) => (
              <li key={id}>
                <span class={`severity ${severity}`}>{severity}</span>{' '}
                <span class="grow">
                  {rule} <span class="quiet">{labelsInWords(labels)}</span>
                </span>
                {value !== null && <span class="number">{shortNumber(value)}</span>}{' '}
                {since !== null && (
                  <time class="quiet" title={wholeMoment(since)}>
                    since {moment(since)}
                  </time>
                )}
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
