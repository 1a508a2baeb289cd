/** Saved dashboards as GraphQL asks for them. Pure. */
import {
  answerOf,
  BESIDE_ANSWER,
  ENTRIES,
  EVERY,
  updateOf,
  VALUES,
} from '../question/timeseries-document.ts';
import type { AnsweredDashboard } from './dashboard-answers.ts';

const CONTENTS = 'id name version updatedAt builtIn panels { id title show question }';
const PROBLEMS = 'problems { path message }';

export const DASHBOARDS = `{ dashboards { ${CONTENTS} } }`;
/** Kept up to date, as `SHARED`. */
export const DASHBOARD = `subscription ($id: ID!) {
  dashboard(id: $id) { ${CONTENTS} shares { id name createdAt } }
}`;
/** The one that the link of the key shows. */
export const SHARED = `subscription { sharedDashboard { ${CONTENTS} } }`;

export const PUT = `mutation ($input: DashboardInput!) {
  result: putDashboard(input: $input) { dashboard { id } ${PROBLEMS} }
}`;
/** What `PUT` is given. */
export interface DashboardInput {
  readonly id: string;
  readonly name: string;
  readonly panels: AnsweredDashboard['panels'];
  /** 0: there is none yet. */
  readonly version: number;
}
/** What `PUT` has put. */
export interface Made {
  readonly dashboard: { readonly id: string };
}
export const DROP = `mutation ($id: ID!) { result: dropDashboard(id: $id) { ${PROBLEMS} } }`;
export const SHARE = `mutation ($id: ID!, $name: String!, $secret: String!) {
  result: shareDashboard(id: $id, name: $name, secret: $secret) { ${PROBLEMS} }
}`;
export const END_SHARE = 'mutation ($id: ID!) { result: endShare(id: $id) }';

const DECLARED = '($dashboard: ID!, $panel: ID!)';
const ASKED = 'dashboard: $dashboard, panel: $panel';

const live = (values: string): string =>
  `subscription ${DECLARED} { panel(${ASKED}, every: "${EVERY}") ${updateOf(values)} }`;
const once = (values: string): string =>
  `query ${DECLARED} { panel(${ASKED}) ${answerOf(values)} }`;

/** The answer to a panel's question: kept up to date, once, and the earlier time beside it. */
export const PANEL = { live: live(VALUES), once: once(VALUES) } as const;
/** With the heaviest values of `top`. */
export const PANEL_ENTRIES = { live: live(ENTRIES), once: once(ENTRIES) } as const;
export const PANEL_BESIDE = `query ${DECLARED} { panel(${ASKED}) ${BESIDE_ANSWER} }`;
