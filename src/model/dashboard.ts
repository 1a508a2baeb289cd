/** Dashboards that the server keeps for a tenant: questions under one name, and the links that show them to others. */

export const PANEL_SHOWS = ['CHART', 'TABLE', 'NUMBER'] as const;
export type PanelShow = (typeof PANEL_SHOWS)[number];

/** Arguments of the `timeseries` query by their names, as they were given. */
export type PanelQuestion = Readonly<Record<string, unknown>>;

export interface Panel {
  /** Unique in its dashboard. */
  readonly id: string;
  readonly title: string;
  readonly show: PanelShow;
  readonly question: PanelQuestion;
}

/** Nobody else's: what every dashboard is, whoever has it. */
export interface DashboardContent {
  readonly id: string;
  readonly name: string;
  readonly panels: readonly Panel[];
}

export interface Dashboard extends DashboardContent {
  readonly tenant: string;
  /** How often it was put. */
  readonly version: number;
  readonly updatedAtMs: number;
}

/** A link. Of what opens it only the hash is known. */
export interface Share {
  readonly id: string;
  readonly tenant: string;
  /** The id of what it shows. */
  readonly dashboard: string;
  readonly name: string;
  readonly createdAtMs: number;
  /** `hashSecret` of its secret. */
  readonly hash: string;
}
