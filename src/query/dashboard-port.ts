/** Saved dashboards as the query side sees them: those of tenants, those that the server brings with it, and links to them. */
import type { Checked } from '../model/alarm-board.ts';
import type { DashboardContent, PanelQuestion, PanelShow, Share } from '../model/dashboard.ts';

/** One that may be asked for, whoever made it. */
export interface DashboardView extends DashboardContent {
  /** 0 of one that the server brings with it. */
  readonly version: number;
  readonly updatedAtMs: number | null;
  readonly isBuiltIn: boolean;
}

export interface PanelInput {
  readonly id?: string | undefined;
  readonly title: string;
  readonly show: PanelShow;
  /** Judged already. */
  readonly question: PanelQuestion;
}

export interface DashboardInput {
  /** Undefined, or of version 0: it is a new one. */
  readonly id?: string | undefined;
  readonly name: string;
  readonly panels: readonly PanelInput[];
  /** Undefined: whatever it has. What was put already in its place is answered as it is stored. */
  readonly version?: number | undefined;
}

/** What a link shows. */
export interface SharedDashboard {
  readonly tenant: string;
  readonly dashboard: DashboardView;
}

export interface MadeShare {
  readonly share: Share;
  /** The server does not keep it. */
  readonly secret: string;
}

/** Errors of all but `mayOpen` and `onChange`: of a node of a cluster that does not lead, `actor_stopped`; of changes `state_io`, too. */
export interface DashboardPort {
  /** First what the server brings with it, then by name. */
  list(tenant: string): readonly DashboardView[];
  find(tenant: string, id: string): DashboardView | undefined;
  put(tenant: string, input: DashboardInput): Promise<Checked<DashboardView>>;
  /** False: there is none of this id. */
  drop(tenant: string, id: string): Promise<Checked<boolean>>;

  /** By the time at which they were made. */
  shares(tenant: string, dashboard: string): readonly Share[];
  /** With a `secret` of its own it is made once, however often it is asked for. */
  share(
    tenant: string,
    dashboard: string,
    name: string,
    secret?: string,
  ): Promise<Checked<MadeShare>>;
  /** False: there is none of this id. */
  endShare(tenant: string, id: string): Promise<boolean>;

  /** Whether a secret of this hash opens something, or may do so at the node of the cluster that leads. */
  mayOpen(hash: string): boolean;
  /** Undefined: it opens nothing, or nothing any more. */
  shared(hash: string): SharedDashboard | undefined;

  /** Called after dashboards or links have changed. Answers what ends that. */
  onChange(listener: () => void): () => void;
}
