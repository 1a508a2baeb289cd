/** The saved dashboards, and a new one. */
import { useState } from 'preact/hooks';
import type { Address } from '../kit/address.ts';
import { grouped, moment, wholeMoment } from '../kit/format.ts';
import { Link } from '../kit/link.tsx';
import { Scroll } from '../kit/scroll.tsx';
import { newId } from '../saved/by-chance.ts';
import type { AnsweredDashboard } from '../saved/dashboard-answers.ts';
import { DASHBOARDS, type DashboardInput, type Made, PUT } from '../saved/dashboard-documents.ts';
import { dashboardPath } from '../saved/dashboard-path.ts';
import { NameField } from '../saved/name-field.tsx';
import { usePage } from '../server/connection.ts';
import { Refused, Unanswered } from '../server/quality.tsx';
import { may } from '../server/session.ts';
import { useAsk } from '../server/use-ask.ts';
import { useCommand } from '../server/use-command.ts';

export interface DashboardListProps {
  readonly go: Address['go'];
}

export function DashboardList({ go }: DashboardListProps) {
  const { session } = usePage();
  const { data, error, again } = useAsk<{ readonly dashboards: readonly AnsweredDashboard[] }>(
    DASHBOARDS,
  );
  return (
    <>
      <div class="bar">
        <h1>Dashboards</h1>
      </div>
      <Unanswered data={data} error={error} again={again} />
      {data?.dashboards.length === 0 && (
        <p>
          No dashboard is saved. Make one here, or ask something in{' '}
          <Link path="/explore" go={go}>
            Explore
          </Link>{' '}
          and save it.
        </p>
      )}
      {data !== undefined && data.dashboards.length > 0 && (
        <DashboardTable dashboards={data.dashboards} go={go} />
      )}
      {may(session, 'admin') ? (
        <NewDashboard go={go} />
      ) : (
        <p class="quiet">To make or change one takes a key with scope "admin".</p>
      )}
    </>
  );
}

interface DashboardTableProps extends DashboardListProps {
  readonly dashboards: readonly AnsweredDashboard[];
}

const DashboardTable = ({ dashboards, go }: DashboardTableProps) => (
  <section class="section" aria-label="Saved dashboards">
    <Scroll label="Table of dashboards">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" class="number">
              Panels
            </th>
            <th scope="col">Changed</th>
          </tr>
        </thead>
        <tbody>
          {dashboards.map(({ id, name, panels, updatedAt }) => (
            <tr key={id}>
              <th scope="row">
                <Link path={dashboardPath(id)} go={go}>
                  {name}
                </Link>
              </th>
              <td class="number">{grouped(panels.length)}</td>
              <td title={updatedAt === null ? undefined : wholeMoment(updatedAt)}>
                {updatedAt === null ? 'built in' : moment(updatedAt)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  </section>
);

/** Made once, also where the answer is not heard and somebody asks again. */
const wishOf = (name: string) => ({ id: newId(), name });

function NewDashboard({ go }: DashboardListProps) {
  const { run, isRunning, error } = useCommand();
  const [wish, setWish] = useState(() => wishOf(''));
  const make = async (event: Event) => {
    event.preventDefault();
    const input: DashboardInput = { ...wish, panels: [], version: 0 };
    const made = await run<Made>(PUT, { input });
    if (made !== undefined) go(dashboardPath(made.dashboard.id));
  };
  return (
    <form class="choices" onSubmit={(event) => void make(event)}>
      <NameField
        label="Name of a new one"
        value={wish.name}
        change={(name) => setWish(wishOf(name))}
      />
      <button type="submit" disabled={isRunning}>
        New dashboard
      </button>
      {error && <Refused error={error} />}
    </form>
  );
}
