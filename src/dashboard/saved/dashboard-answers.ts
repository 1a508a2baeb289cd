/** What GraphQL answers about saved dashboards, as far as the page asks for it. Times are epoch milliseconds. */
import type { TimeseriesVariables } from '../question/question.ts';

export type PanelShow = 'CHART' | 'TABLE' | 'NUMBER';

/** A question, and how its answer is shown. */
export interface Panel {
  readonly id: string;
  readonly title: string;
  readonly show: PanelShow;
  readonly question: TimeseriesVariables;
}

/** A link; what opens it only its maker has seen. */
export interface Share {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
}

export interface Dashboard {
  readonly id: string;
  readonly name: string;
  readonly panels: readonly Panel[];
  readonly version: number;
  /** Null: the server brings it with it. */
  readonly updatedAt: number | null;
  readonly builtIn: boolean;
}

export interface OwnDashboard extends Dashboard {
  /** Null: for keys without scope `admin`. */
  readonly shares: readonly Share[] | null;
}

/** As the server has them. */
export const PANELS_MAX = 30;
export const NAME_CHARS_MAX = 120;
