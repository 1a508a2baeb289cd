/** Alarms: what fires now, by which rules, what was, who is told and who is not. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Address } from '../kit/address.ts';
import { AsOf } from '../kit/as-of.tsx';
import { Refused, Waiting } from '../server/quality.tsx';
import { useAsk } from '../server/use-ask.ts';
import { useLive } from '../server/use-live.ts';
import type { AlarmNow, AlarmRule, Silence } from './alarm-answers.ts';
import { AlarmHistory } from './alarm-history.tsx';
import { AlarmsNow } from './alarms-now.tsx';
import { DeliveriesSection } from './deliveries-section.tsx';
import { ReceiversSection } from './receivers-section.tsx';
import { RulesSection } from './rules-section.tsx';
import { SilencesSection } from './silences-section.tsx';

const CHANGED = 'subscription { alarmChanged { snapshot } }';
const STATE = `{
  firing: alarms(states: [firing], first: 1) { total }
  alarms(first: 100) {
    total
    alarms {
      id rule labels { name value } annotations { name value } state severity since value
      silencedBy inhibited suppressed acknowledgement { author comment at }
    }
  }
  alarmRules {
    name declaredIn stream measure filter { field in } over { measure filter { field in } } groupBy normalize windowMs everyMs latenessMs
    condition { kind above below versus by deviations weeks direction }
    forMs keepFiringForMs onNoValue severity escalation { afterWindows severity } suppress
    labels { name value } annotations { name value } groupsMax forgetAfterMs progress states { state count }
  }
  silences { id state matchers startsAt endsAt author comment }
}`;

interface State {
  readonly firing: { readonly total: number };
  readonly alarms: { readonly total: number; readonly alarms: readonly AlarmNow[] };
  readonly alarmRules: readonly AlarmRule[];
  readonly silences: readonly Silence[];
}

/** With many alarms changes come many times a second; what has changed is asked for at most so often. */
const ASKED_EVERY_MS = 500;

const count = (before = 0): number => before + 1;

export function Alarms({ address }: { address: Address }) {
  const { data, error, again } = useAsk<State>(STATE);
  const changes = useLive(CHANGED, {}, count);
  // A number that grows whenever an alarm has changed, or something here.
  const [occasion, setOccasion] = useState(0);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (changes.data === undefined) return;
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      setOccasion((before) => before + 1);
    }, ASKED_EVERY_MS);
  }, [changes.data]);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (occasion > 0) again();
  }, [occasion, again]);
  const changed = () => setOccasion((before) => before + 1);
  const [matchers, setMatchers] = useState<readonly string[]>([]);
  const rule = address.parameters.get('rule') || undefined;
  const refusal = error ?? changes.error;
  return (
    <>
      <div class="bar">
        <h1>Alarms</h1>
        <nav class="quiet" aria-label="On this page">
          <a href="#rules">Rules</a> <a href="#silences">Silences</a>{' '}
          <a href="#alarm-history">History</a> <a href="#receivers">Receivers</a>{' '}
          <a href="#deliveries">Deliveries</a>
        </nav>
        {data && <AsOf answer={data} again={changed} />}
      </div>
      {refusal && <Refused error={refusal} again={error ? again : changes.again} />}
      {data === undefined ? (
        refusal === undefined && <Waiting />
      ) : (
        <>
          <AlarmsNow
            {...data.alarms}
            firing={data.firing.total}
            rules={data.alarmRules}
            changed={changed}
            silence={setMatchers}
          />
          <RulesSection rules={data.alarmRules} address={address} changed={changed} />
          <SilencesSection silences={data.silences} wanted={matchers} changed={changed} />
          <AlarmHistory key={rule} rule={rule} rules={data.alarmRules} occasion={occasion} />
          <ReceiversSection occasion={occasion} />
          <DeliveriesSection occasion={occasion} />
        </>
      )}
    </>
  );
}
