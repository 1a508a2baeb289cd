/** The saved dashboards, and a new one. */
import { useState } from 'preact/hooks';
import { type Address, pathOf } from './address.ts';
import type { Dashboard } from './dashboard-answers.ts';
import { DASHBOARDS, type Made, PUT } from './dashboard-documents.ts';
import { grouped, moment, wholeMoment } from './format.ts';
import { useAsk, usePage } from './hooks.ts';
import { Link } from './link.tsx';
import { NameField } from './name-field.tsx';
import { Refused, Unanswered } from './quality.tsx';
import { Scroll } from './scroll.tsx';
import { may } from './session.ts';
import { useCommand } from './use-command.ts';

export interface DashboardListProps {
  readonly go: Address['go'];
}

export const dashboardPath = (id: string): string => pathOf('/dashboards', { id });

export function DashboardList({ go }: DashboardListProps) {
  const { session } = usePage();
  const { data, error } = useAsk<{ readonly dashboards: readonly Dashboard[] }>(DASHBOARDS);
  return (
    <>
      <div class="bar">
        <h1>Dashboards</h1>
      </div>
      <Unanswered data={data} error={error} />
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
  readonly dashboards: readonly Dashboard[];
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

function NewDashboard({ go }: DashboardListProps) {
  const { run, isRunning, error } = useCommand(() => undefined);
  const [name, setName] = useState('');
  const make = async (event: Event) => {
    event.preventDefault();
    const made = await run<Made>(PUT, { input: { name, panels: [] } });
    if (made !== undefined) go(dashboardPath(made.dashboard.id));
  };
  return (
    <form class="choices" onSubmit={(event) => void make(event)}>
      <NameField label="Name of a new one" value={name} change={setName} />
      <button type="submit" disabled={isRunning}>
        New dashboard
      </button>
      {error && <Refused error={error} />}
    </form>
  );
}
