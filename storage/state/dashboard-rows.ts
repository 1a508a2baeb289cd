/** Rows of saved dashboards and of the links that show them (drawing: storage/FORMAT.md, "Dashboards"). They are the server's. */
import type { Dashboard, Share } from '../../src/model/dashboard.ts';
import { KeyWriter, prefixEnd } from './keys.ts';
import { parseJson } from './rows.ts';
import { type StateOp, type StateReader, scan } from './state.ts';

/** Behind those of declared rollups. */
const DASHBOARD_ROW = 81;
const SHARE_ROW = 82;

/** A dashboard has up to 64 KiB: some at a time, and not the thousand. */
const ROWS_PER_PAGE = 32;

const writer = new KeyWriter();
const begin = (kind: number): KeyWriter => writer.restart().u16(0xffff).u8(0xff).u8(kind);

export const dashboardOp = (dashboard: Dashboard): StateOp => put(DASHBOARD_ROW, dashboard);
export const dashboardDropOp = (dashboard: Dashboard): StateOp => drop(DASHBOARD_ROW, dashboard);
export const shareOp = (share: Share): StateOp => put(SHARE_ROW, share);
export const shareEndOp = (share: Share): StateOp => drop(SHARE_ROW, share);

interface Kept {
  readonly tenant: string;
  readonly id: string;
}

const keyOf = (kind: number, { tenant, id }: Kept): Uint8Array =>
  begin(kind).text(tenant).text(id).end();

const put = (kind: number, kept: Kept): StateOp => ({
  key: keyOf(kind, kept),
  value: Buffer.from(JSON.stringify(kept)),
});

const drop = (kind: number, kept: Kept): StateOp => ({ key: keyOf(kind, kept), value: undefined });

/** By tenant and id. Throws `state_corrupt`. */
export const loadDashboards = (store: StateReader): Promise<Dashboard[]> =>
  load(store, DASHBOARD_ROW, 'a dashboard');
export const loadShares = (store: StateReader): Promise<Share[]> =>
  load(store, SHARE_ROW, 'a link to a dashboard');

async function load<T>(store: StateReader, kind: number, what: string): Promise<T[]> {
  const from = begin(kind).end();
  const rows: T[] = [];
  for await (const { value } of scan(store, { from, to: prefixEnd(from) }, ROWS_PER_PAGE)) {
    rows.push(parseJson(what, value) as T);
  }
  return rows;
}
