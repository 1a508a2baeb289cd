/** What GraphQL answers about saved dashboards, as far as the page asks for it. Times are epoch milliseconds. */
import type { TimeseriesVariables } from '../question/question.ts';

export type PanelShow = 'CHART' | 'TABLE' | 'NUMBER';

/** What the page asks, and what else others ask that put panels. */
export interface PanelQuestion extends TimeseriesVariables {
  /** In place of `from` and `to`, on the clock of `timeZone`: "2026-03-29", "2026-03-29T06:30". */
  readonly localFrom?: string;
  readonly localTo?: string;
  /** Default: UTC. */
  readonly timeZone?: string;
}

/** A question, and how its answer is shown. */
export interface Panel {
  readonly id: string;
  readonly title: string;
  readonly show: PanelShow;
  readonly question: PanelQuestion;
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

/** As the server answers it: questions have whatever form somebody has given them. */
export type AnsweredDashboard<D extends Dashboard = Dashboard> = Omit<D, 'panels'> & {
  readonly panels: readonly (Omit<Panel, 'question'> & { readonly question: unknown })[];
};

export interface OwnDashboard extends Dashboard {
  /** Null: for keys without scope `admin`. */
  readonly shares: readonly Share[] | null;
}

/** As the server has them. */
export const PANELS_MAX = 30;
export const NAME_CHARS_MAX = 120;
