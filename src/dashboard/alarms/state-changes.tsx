/** A table of what alarms became, or would have become. */

import { moment, wholeMoment } from '../kit/format.ts';
import { Scroll } from '../kit/scroll.tsx';
import type { StateChange } from './alarm-answers.ts';
import type { RuleUnits } from './rule-measure.ts';

export interface StateChangesProps {
  readonly title: string;
  readonly changes: readonly (StateChange & { readonly of: string; readonly units: RuleUnits })[];
}

export const StateChanges = ({ title, changes }: StateChangesProps) => (
  <Scroll label={title}>
    <table>
      <caption class="unseen">{title}</caption>
      <thead>
        <tr>
          <th scope="col">At</th>
          <th scope="col">Alarm</th>
          <th scope="col">Became</th>
          <th scope="col">Because</th>
          <th scope="col" class="number">
            Value
          </th>
          <th scope="col" class="number">
            Threshold
          </th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ of, units, from, to, reason, at, value, threshold, severity }) => (
          <tr key={`${of} ${at} ${from} ${to}`}>
            <th scope="row" title={wholeMoment(at)}>
              {moment(at)}
            </th>
            <td>{of}</td>
            <td>
              {to === 'firing' ? (
                <span class={`severity ${severity}`}>firing, {severity}</span>
              ) : (
                to
              )}
            </td>
            <td>{inWords(reason)}</td>
            <td class="number">{units.value(value)}</td>
            <td class="number">{units.threshold(threshold)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
);

/** "abnormalLongEnough" as "abnormal long enough". */
const inWords = (reason: string): string =>
  reason.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
