/**
 * Dashboards that tenants save while the server runs, and the links that show them. All of them are in memory, as they are on disk.
 * Of several nodes one keeps them at a time: it can be stopped, and started again.
 */
import { randomBytes } from 'node:crypto';
import {
  dashboardDropOp,
  dashboardOp,
  loadDashboards,
  loadShares,
  shareEndOp,
  shareOp,
} from '../storage/state/dashboard-rows.ts';
import type { StateOp, StateStore } from '../storage/state/state.ts';
import {
  isStored,
  NO_SECRET,
  noDashboard,
  problemsOfInput,
  problemsOfPlace,
  problemsOfShare,
  SECRET_TAKEN,
} from './dashboard-problems.ts';
import { hashSecret, isShareSecret, SHARE_SECRET_PREFIX } from './model/access.ts';
import type { AlarmProblem, Checked } from './model/alarm-board.ts';
import type { Clock } from './model/clock.ts';
import type { Dashboard, DashboardContent, Share } from './model/dashboard.ts';
import { AppError } from './model/errors.ts';
import { err, ok } from './model/result.ts';
import { inTurn, type Line } from './model/turns.ts';
import type {
  DashboardInput,
  DashboardPort,
  DashboardView,
  MadeShare,
  SharedDashboard,
} from './query/dashboard-port.ts';

/** 72 bits: no two of a server are equal. */
const ID_BYTES = 9;
/** 256 bits: nobody guesses one, so that a plain hash of it is safe to keep. */
const SECRET_BYTES = 32;

export interface SavedDashboardsOptions {
  readonly store: StateStore;
  /** Every tenant has them. */
  readonly builtIn: readonly DashboardContent[];
  readonly clock: Clock;
}

/** While it keeps them. As on disk. */
interface Run {
  /** By id. */
  dashboards: Map<string, Dashboard>;
  /** By the hash of what opens them. */
  shares: Map<string, Share>;
  /** Changes are checked and stored one after the other. No more wait than the server has requests. */
  readonly changes: Line;
}

export class SavedDashboards implements DashboardPort {
  readonly #options: SavedDashboardsOptions;
  readonly #builtIn: readonly DashboardView[];
  readonly #listeners = new Set<() => void>();
  #run: Run | undefined;

  constructor(options: SavedDashboardsOptions) {
    this.#options = options;
    this.#builtIn = options.builtIn.map((content) => ({
      ...content,
      version: 0,
      updatedAtMs: null,
      isBuiltIn: true,
    }));
  }

  /** Takes what is stored. */
  async start(): Promise<void> {
    this.#run = { ...(await this.#stored()), changes: { last: Promise.resolve() } };
    this.#tell();
  }

  stop(): void {
    this.#run = undefined;
  }

  list(tenant: string): readonly DashboardView[] {
    const own = [...this.#running().dashboards.values()].filter((each) => each.tenant === tenant);
    return [...this.#builtIn, ...own.map(viewOf).toSorted(byName)];
  }

  find(tenant: string, id: string): DashboardView | undefined {
    const run = this.#running();
    const saved = ownOf(run, tenant, id);
    return saved === undefined ? this.#builtInOf(id) : viewOf(saved);
  }

  async put(tenant: string, input: DashboardInput): Promise<Checked<DashboardView>> {
    const { id = newId(), name } = input;
    if (this.#builtInOf(id) !== undefined) return err([isBuiltIn(id, 'put a copy without an id')]);
    const wrong = problemsOfInput(input);
    if (wrong.length > 0) return err(wrong);
    return this.#change(async (run) => {
      const before = ownOf(run, tenant, id);
      if (before !== undefined && isStored(input, before)) return ok(viewOf(before));
      const problems = problemsOfPlace(tenant, input, before, [...run.dashboards.values()]);
      if (problems.length > 0) return err(problems);
      const dashboard: Dashboard = {
        ...{ tenant, id, name },
        panels: input.panels.map((panel) => ({ ...panel, id: panel.id ?? newId() })),
        version: (before?.version ?? 0) + 1,
        updatedAtMs: this.#options.clock.now(),
      };
      await this.#commit(run, [dashboardOp(dashboard)]);
      run.dashboards.set(id, dashboard);
      return ok(viewOf(dashboard));
    });
  }

  async drop(tenant: string, id: string): Promise<Checked<boolean>> {
    if (this.#builtInOf(id) !== undefined) return err([isBuiltIn(id, 'it goes with its setting')]);
    return this.#change(async (run) => {
      const dashboard = ownOf(run, tenant, id);
      if (dashboard === undefined) return ok(false);
      const shares = sharesOf(run, tenant).filter((share) => share.dashboard === id);
      await this.#commit(run, [dashboardDropOp(dashboard), ...shares.map(shareEndOp)]);
      run.dashboards.delete(id);
      for (const { hash } of shares) run.shares.delete(hash);
      return ok(true);
    });
  }

  shares(tenant: string, dashboard: string): readonly Share[] {
    return sharesOf(this.#running(), tenant)
      .filter((share) => share.dashboard === dashboard)
      .toSorted((a, b) => a.createdAtMs - b.createdAtMs);
  }

  async share(
    tenant: string,
    dashboard: string,
    name: string,
    secret = newSecret(),
  ): Promise<Checked<MadeShare>> {
    if (!isShareSecret(secret)) return err([NO_SECRET]);
    const hash = hashSecret(secret);
    return this.#change(async (run) => {
      if (this.find(tenant, dashboard) === undefined) return err([noDashboard(dashboard)]);
      const made = run.shares.get(hash);
      if (made !== undefined) {
        const isSame = made.tenant === tenant && made.dashboard === dashboard && made.name === name;
        return isSame ? ok({ share: made, secret }) : err([SECRET_TAKEN]);
      }
      const problems = problemsOfShare(tenant, name, [...run.shares.values()]);
      if (problems.length > 0) return err(problems);
      const createdAtMs = this.#options.clock.now();
      const share: Share = { id: newId(), tenant, dashboard, name, createdAtMs, hash };
      await this.#commit(run, [shareOp(share)]);
      run.shares.set(hash, share);
      return ok({ share, secret });
    });
  }

  async endShare(tenant: string, id: string): Promise<boolean> {
    return this.#change(async (run) => {
      const share = sharesOf(run, tenant).find((each) => each.id === id);
      if (share === undefined) return false;
      await this.#commit(run, [shareEndOp(share)]);
      run.shares.delete(share.hash);
      return true;
    });
  }

  mayOpen(hash: string): boolean {
    return this.#run === undefined || this.#run.shares.has(hash);
  }

  shared(hash: string): SharedDashboard | undefined {
    const share = this.#running().shares.get(hash);
    const dashboard = share && this.find(share.tenant, share.dashboard);
    return dashboard && { tenant: share.tenant, dashboard };
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #builtInOf(id: string): DashboardView | undefined {
    return this.#builtIn.find((each) => each.id === id);
  }

  async #change<T>(change: (run: Run) => Promise<T>): Promise<T> {
    const run = this.#running();
    try {
      return await inTurn(run.changes, () => change(run));
    } finally {
      this.#tell();
    }
  }

  async #commit(run: Run, ops: readonly StateOp[]): Promise<void> {
    this.#running(run);
    try {
      await this.#options.store.commit(ops, 'synced');
    } catch (error) {
      // It may be there nevertheless, or not.
      Object.assign(run, await this.#stored());
      throw error;
    }
  }

  async #stored(): Promise<Pick<Run, 'dashboards' | 'shares'>> {
    const { store } = this.#options;
    const dashboards = await loadDashboards(store);
    const shares = await loadShares(store);
    return {
      dashboards: new Map(dashboards.map((each) => [each.id, each])),
      shares: new Map(shares.map((each) => [each.hash, each])),
    };
  }

  #tell(): void {
    if (this.#run === undefined) return;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Still `run`, if one is given: what has waited for its turn must not be stored once another node may keep them. */
  #running(run = this.#run): Run {
    if (run !== undefined && run === this.#run) return run;
    throw new AppError('actor_stopped', 'dashboards are not kept here just now: try again');
  }
}

const newSecret = (): string =>
  SHARE_SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64url');

const newId = (): string => randomBytes(ID_BYTES).toString('base64url');

function ownOf({ dashboards }: Run, tenant: string, id: string): Dashboard | undefined {
  const dashboard = dashboards.get(id);
  return dashboard?.tenant === tenant ? dashboard : undefined;
}

const sharesOf = ({ shares }: Run, tenant: string): Share[] =>
  [...shares.values()].filter((share) => share.tenant === tenant);

const viewOf = ({ tenant, ...dashboard }: Dashboard): DashboardView => ({
  ...dashboard,
  isBuiltIn: false,
});

const byName = (a: DashboardView, b: DashboardView): number =>
  a.name.localeCompare(b.name, 'en') || (a.id < b.id ? -1 : 1);

const isBuiltIn = (id: string, instead: string): AlarmProblem => ({
  path: 'id',
  message: `"${id}" comes with the server, and stays as it is: ${instead}`,
});
