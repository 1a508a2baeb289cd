/** Saved dashboards: those that there are, or the one that the address names. */
import type { Address } from '../kit/address.ts';
import { DashboardList } from './dashboard-list.tsx';
import { DashboardPage } from './dashboard-page.tsx';

export function Dashboards({ address }: { address: Address }) {
  const id = address.parameters.get('id');
  if (id === null) return <DashboardList go={address.go} />;
  return <DashboardPage key={id} id={id} address={address} />;
}
