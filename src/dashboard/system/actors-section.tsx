/** The actors: what waits for each, how old that is, how often it was restarted and why. */

import { grouped, shortLength } from '../kit/format.ts';
import type { Health } from '../server/answers.ts';
import { treeOf } from './actor-tree.ts';
import { LookSection } from './look-section.tsx';

export function ActorsSection({ health: { at, actors } }: { health: Health }) {
  return (
    <LookSection id="actors" title="Actors" at={at} rows={actors}>
      {(rows) => (
        <table class="tree">
          <thead>
            <tr>
              <th scope="col">Actor</th>
              <th scope="col">State</th>
              <th scope="col">Mailbox</th>
              <th scope="col" class="number">
                Oldest waits
              </th>
              <th scope="col" class="number">
                Handled
              </th>
              <th scope="col" class="number">
                Restarts
              </th>
              <th scope="col" class="number">
                Never handled
              </th>
            </tr>
          </thead>
          <tbody>
            {treeOf(rows).map(({ actor, depth }) => (
              <tr key={actor.path}>
                <th scope="row">
                  <span class={`depth-${Math.min(depth, DEPTH_SHOWN)}`}>{actor.path}</span>
                </th>
                <td class={TROUBLED.has(actor.state) ? 'noted' : ''}>
                  {actor.state}
                  {actor.lastError !== null && (
                    <span class="quiet"> last error: {actor.lastError}</span>
                  )}
                </td>
                <td>
                  <meter
                    min={0}
                    max={actor.mailboxMax}
                    high={actor.mailboxMax * 0.8}
                    value={actor.mailboxDepth}
                    aria-hidden="true"
                  />{' '}
                  {actor.mailboxDepth} of {grouped(actor.mailboxMax)}
                </td>
                <td class="number">
                  {actor.oldestMessageAgeMs === null
                    ? 'none'
                    : shortLength(actor.oldestMessageAgeMs)}
                </td>
                <td class="number">{grouped(actor.handled)}</td>
                <td class={`number ${actor.restarts > 0 ? 'noted' : ''}`}>{actor.restarts}</td>
                <td class="number">{grouped(actor.deadLetters)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </LookSection>
  );
}

const TROUBLED: ReadonlySet<string> = new Set(['restarting', 'failed']);
/** Indented so deep at most. */
const DEPTH_SHOWN = 4;
