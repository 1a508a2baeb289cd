/** The machinery, and what became of every event. */

import { usePage } from '../server/connection.ts';
import { useHealth } from '../server/known.ts';
import { Unanswered } from '../server/quality.tsx';
import { may } from '../server/session.ts';
import { ActorsSection } from './actors-section.tsx';
import { ArchiveSection } from './archive-section.tsx';
import { DeadLettersSection } from './dead-letters-section.tsx';
import { LedgerSection } from './ledger-section.tsx';
import { PartitionsSection } from './partitions-section.tsx';

export function System() {
  const { session } = usePage();
  const isAdmin = may(session, 'admin');
  const { data, error, again } = useHealth(isAdmin);
  return (
    <>
      <div class="bar">
        <h1>System</h1>
        <nav class="quiet" aria-label="On this page">
          <a href="#ledger">Ledger</a> <a href="#dead-letters">Dead letters</a>{' '}
          <a href="#archive">Archive</a> <a href="#partitions">Partitions</a>{' '}
          <a href="#actors">Actors</a>
        </nav>
      </div>
      <LedgerSection />
      <DeadLettersSection rejected={data?.eventsRejected ?? undefined} />
      <ArchiveSection />
      {!isAdmin && (
        <p class="quiet">
          Partitions and actors are for operators: sign in with a key that has scope "admin". This
          one has {session.access?.scopes.join(', ')}.
        </p>
      )}
      {isAdmin && <Unanswered data={data} error={error} again={again} />}
      {data && <PartitionsSection health={data} />}
      {data && <ActorsSection health={data} />}
    </>
  );
}
