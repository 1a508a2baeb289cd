/** Page views: the pixel, what is added to events of pages, and the aggregates of both. What it all means is in docs/web.md. */
import type { SessionDefinition } from '../model/session.ts';
import { PAGE_VIEW } from '../model/visit.ts';
import { type Rollup, rollup } from './rollups.ts';
import { streamName, yes } from './scalars.ts';
import { sessions, VISITOR_FIELD } from './sessions.ts';
import { group } from './shapes.ts';

export const web = group({
  /** A thread more, and the pixel. */
  enabled: yes.default(false),
  /** Whose events are page views. */
  stream: streamName.default('events'),
});

export interface WebSettings {
  readonly enabled: boolean;
  readonly stream: string;
}

interface Declared {
  readonly rollups: readonly Rollup[];
  readonly sessions: readonly SessionDefinition[];
}

/** What people ask of a site, beside what is declared; of what has the name of one of these, that stands in its place. */
export function withWeb<T extends Declared>(settings: T, { enabled, stream }: WebSettings): T {
  if (!enabled) return settings;
  return {
    ...settings,
    rollups: joined(settings.rollups, rollupsOf(stream)),
    sessions: joined(settings.sessions, [sessionsOf(stream)]),
  };
}

const VIEWS = { field: 'type', in: [PAGE_VIEW] };
const PEOPLE = { field: 'bot', in: [false] };
const BOTS = { field: 'bot', in: [true] };

function rollupsOf(stream: string): Rollup[] {
  const views = { stream, filter: [VIEWS, PEOPLE] };
  const measures = ['count', `distinct(${VISITOR_FIELD})`];
  const tops = ['path', 'source', 'referrer', 'country', 'language', 'utm_campaign'];
  return [
    {
      ...{ ...views, name: 'web_views', dimensions: ['host'] },
      measures: [...measures, ...tops.map((field) => `top(${field})`)],
    },
    { ...views, name: 'web_devices', dimensions: ['browser', 'os', 'device_type'], measures },
    {
      ...{ stream, name: 'web_bots', filter: [VIEWS, BOTS] },
      ...{ dimensions: ['browser'], measures: ['count', 'top(path)'] },
    },
  ].map((each) => rollup.parse(each));
}

/** Visits: how many, how long, bounces, where they begin and end. */
const sessionsOf = (stream: string): SessionDefinition =>
  sessions.parse({
    name: 'web',
    stream,
    user: VISITOR_FIELD,
    filter: [VIEWS, PEOPLE],
    entry: 'path',
    exit: 'path',
    dimensions: ['host', 'source', 'device_type'],
  });

function joined<T extends { readonly name: string }>(own: readonly T[], more: readonly T[]): T[] {
  const taken = new Set(own.map(({ name }) => name));
  return [...own, ...more.filter(({ name }) => !taken.has(name))];
}
