/** Page views: the pixel, what is added to events of pages, and the aggregates of both. What it all means is in docs/web.md. */
import type { z } from 'zod';
import { readCountriesFile } from '../model/countries-file.ts';
import type { SessionDefinition } from '../model/session.ts';
import { PAGE_VIEW } from '../model/visit.ts';
import { unreadable } from './files.ts';
import { type Rollup, rollup } from './rollups.ts';
import { streamName, text, yes } from './scalars.ts';
import { sessions, VISITOR_FIELD } from './sessions.ts';
import type { Path } from './settings.ts';
import { group } from './shapes.ts';

export const web = group({
  /** A thread more, and the pixel. */
  enabled: yes.default(false),
  /** Whose events are page views. */
  stream: streamName.default('events'),
  /** Countries of addresses, in MaxMind's format. Without it they are not known. */
  geoipFile: text('the path of an MMDB file').optional(),
});

export type WebSettings = z.output<typeof web>;

interface Declared {
  readonly rollups: readonly Rollup[];
  readonly sessions: readonly SessionDefinition[];
}

/** What people ask of a site, beside what is declared; of what has the name of one of these, that stands in its place. */
export function withWeb<T extends Declared>(settings: T, web: WebSettings): T {
  const { enabled, stream } = web;
  if (!enabled) return settings;
  return {
    ...settings,
    rollups: joined(settings.rollups, rollupsOf(web)),
    sessions: joined(settings.sessions, [sessionsOf(stream)]),
  };
}

const VIEWS = { field: 'type', in: [PAGE_VIEW] };
const PEOPLE = { field: 'bot', in: [false] };
const BOTS = { field: 'bot', in: [true] };

function rollupsOf({ stream, geoipFile }: WebSettings): Rollup[] {
  const views = { stream, filter: [VIEWS, PEOPLE] };
  const measures = ['count', `distinct(${VISITOR_FIELD})`];
  const tops = ['path', 'source', 'referrer', 'country', 'language', 'utm_campaign'];
  return [
    {
      ...{ ...views, name: 'web_views', dimensions: ['host'] },
      measures: [...measures, ...tops.map((field) => `top(${field})`)],
    },
    { ...views, name: 'web_devices', dimensions: ['browser', 'os', 'device_type'], measures },
    ...(geoipFile === undefined
      ? []
      : [{ ...views, name: 'web_countries', dimensions: ['country'], measures }]),
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

interface Conflict {
  readonly path: Path;
  readonly message: string;
}

export function webConflicts({ geoipFile }: WebSettings): Conflict[] {
  if (geoipFile === undefined) return [];
  const reason = unreadable(geoipFile);
  if (reason !== undefined) {
    return [{ path: ['geoipFile'], message: `expected a file that can be read (${reason})` }];
  }
  try {
    readCountriesFile(geoipFile);
    return [];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [{ path: ['geoipFile'], message: `expected a file in MaxMind's format, MMDB (${why})` }];
  }
}

function joined<T extends { readonly name: string }>(own: readonly T[], more: readonly T[]): T[] {
  const taken = new Set(own.map(({ name }) => name));
  return [...own, ...more.filter(({ name }) => !taken.has(name))];
}
