/** The actors: what waits for each, how old that is, how often it was restarted and why. */
import { treeOf } from './actor-tree.ts';
import type { Health } from './answers.ts';
import { clockTime, grouped, shortLength } from './format.ts';
import { Scroll } from './scroll.tsx';

export function ActorsSection({ health: { at, actors } }: { health: Health }) {
  return (
    <section id="actors" class="section" aria-labelledby="actors-title">
      <h2 id="actors-title">Actors</h2>
      {actors === null ? (
        <p>Some thread did not answer in time; the next look is a second away.</p>
      ) : (
        <>
          <p class="quiet">As of {clockTime(at)}, every second.</p>
          <Scroll label="Table of actors">
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
                {treeOf(actors).map(({ actor, depth }) => (
                  <tr key={actor.path}>
                    <th scope="row">
                      <span class={`depth-${Math.min(depth, DEPTH_SHOWN)}`}>{actor.path}</span>
                    </th>
                    <td class={actor.state === 'running' ? '' : 'noted'}>
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
          </Scroll>
        </>
      )}
    </section>
  );
}

/** Indented so deep at most. */
const DEPTH_SHOWN = 4;
