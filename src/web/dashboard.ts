/** The dashboard that comes with page views: what people ask of a site first, each answered by a rollup of `src/config/web.ts`. */
import type { DashboardContent, Panel, PanelQuestion } from '../model/dashboard.ts';
import { sessionStream } from '../model/session.ts';
import { PAGE_VIEW } from '../model/visit.ts';

export interface WebDashboardOptions {
  /** Whose events are page views. */
  readonly stream: string;
  /** Undefined: nobody knows of which country a visitor is. */
  readonly geoipFile?: string | undefined;
}

/** The last 24 hours in one point, of buckets of a quarter of an hour: a step as long as the day would begin at its midnight. */
const DAY = { last: '15m', step: '15m', window: '1d' };
/** How they went. */
const STEPS = { last: '1d', step: '30m' };
const NUMBER = { compare: 'DAY_BEFORE', fill: 'ZERO' };
/** How many lines a table has. */
const ROWS = 10;

export function webDashboard({ stream, geoipFile }: WebDashboardOptions): DashboardContent {
  const people = { stream, where: viewsOf(false) };
  const visits = { stream: sessionStream('web') };
  const views = { op: 'count', as: 'views' };
  const visitors = { op: 'distinct', field: 'visitor', as: 'visitors' };
  /** Beside the 24 hours before. */
  const number = (id: string, title: string, of: object, measure: object): Panel =>
    panel('NUMBER', id, title, { ...of, ...DAY, measures: [measure], ...NUMBER });
  const heaviest = (id: string, title: string, field: string): Panel =>
    panel('TABLE', id, title, { ...people, ...DAY, measures: [{ op: 'top', field, k: ROWS }] });
  const byField = (id: string, title: string, field: string): Panel =>
    panel('TABLE', id, title, {
      ...{ ...people, ...DAY, measures: [visitors, views] },
      ...{ groupBy: [field], limit: ROWS },
    });
  return {
    id: 'web',
    name: 'Web',
    panels: [
      number('visitors', 'Visitors', people, visitors),
      number('views', 'Page views', people, views),
      number('visits', 'Visits', visits, { op: 'count', as: 'visits' }),
      number('bounce-rate', 'Bounce rate', visits, {
        op: 'avg',
        field: 'bounce',
        as: 'bounce_ratio',
      }),
      number('duration', 'Length of a visit', visits, {
        op: 'avg',
        field: 'duration_ms',
        as: 'duration_ms',
      }),
      panel('CHART', 'course', 'Visitors and page views', {
        ...{ ...people, ...STEPS, measures: [visitors, views] },
        fill: 'ZERO',
      }),
      heaviest('pages', 'Top pages', 'path'),
      heaviest('sources', 'Sources', 'source'),
      byField('browsers', 'Browsers', 'browser'),
      byField('systems', 'Operating systems', 'os'),
      byField('devices', 'Devices', 'device_type'),
      ...(geoipFile === undefined ? [] : [byField('countries', 'Countries', 'country')]),
      panel('TABLE', 'bots', 'Bots', {
        ...{ stream, where: viewsOf(true), ...DAY },
        ...{ measures: [views], groupBy: ['browser'], limit: ROWS },
      }),
    ],
  };
}

const panel = (show: Panel['show'], id: string, title: string, question: PanelQuestion): Panel => ({
  id,
  title,
  show,
  question,
});

/** As the rollups filter them. */
const viewsOf = (isBot: boolean): object => ({
  and: [
    { field: 'type', eq: PAGE_VIEW },
    { field: 'bot', eq: `${isBot}` },
  ],
});
