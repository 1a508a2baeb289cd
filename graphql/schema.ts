/** The schema, the .graphql files with their resolvers, and the form of it that is executed. */
import { readFileSync } from 'node:fs';
import { createSchema } from 'graphql-yoga';
import { alarmScalars } from './alarm-scalars.ts';
import { asWritten } from './as-written.ts';
import type { GraphContext } from './context.ts';
import { eventScalars } from './event-scalars.ts';
import { cutSeriesScalar, withSeriesAsLeaf } from './projection.ts';
import * as commands from './resolvers/alarm-commands.ts';
import * as alarms from './resolvers/alarms.ts';
import { archive, archiveNow, manifest, segments } from './resolvers/archive.ts';
import { backup, cancelBackup, startBackup } from './resolvers/backup.ts';
import { checkpoints, takeCheckpoint } from './resolvers/checkpoints.ts';
import { cluster } from './resolvers/cluster.ts';
import { dashboardUpdates, sharedDashboardUpdates } from './resolvers/dashboard-updates.ts';
import * as dashboards from './resolvers/dashboards.ts';
import { deadLetterCounts, deadLetters, resendDeadLetters } from './resolvers/dead-letters.ts';
import { eraseUser, erasure, erasures } from './resolvers/erasure.ts';
import { event, events, sql, tail } from './resolvers/events.ts';
import { explain } from './resolvers/explain.ts';
import { fields } from './resolvers/fields.ts';
import { health } from './resolvers/health.ts';
import { applyReplay, cancelReplay, replays, startReplay } from './resolvers/replay.ts';
import { defineRollup, dropRollup, rollups } from './resolvers/rollups.ts';
import { sources } from './resolvers/sources.ts';
import { spool } from './resolvers/spool.ts';
import { streams, streamUpdates } from './resolvers/streams.ts';
import * as system from './resolvers/system.ts';
import { sendTestEvent } from './resolvers/test-events.ts';
import {
  seriesWithColumns,
  timeseries,
  timeseriesUpdates,
  writeSeries,
} from './resolvers/timeseries.ts';
import { scalars } from './scalars.ts';

const { alarmChanged, ...alarmQueries } = alarms;

const typeDefs = [
  'schema.graphql',
  'alarms.graphql',
  'archive.graphql',
  'backup.graphql',
  'checkpoints.graphql',
  'cluster.graphql',
  'dashboards.graphql',
  'dead-letters.graphql',
  'erasure.graphql',
  'events.graphql',
  'explain.graphql',
  'fields.graphql',
  'health.graphql',
  'replay.graphql',
  'rollups.graphql',
  'spool.graphql',
  'sources.graphql',
  'test-events.graphql',
]
  .map((file) => readFileSync(new URL(file, import.meta.url), 'utf8'))
  .join('\n');

const resolvers = {
  ...scalars,
  ...alarmScalars,
  ...eventScalars,
  DeclaredMeasure: asWritten('DeclaredMeasure'),
  TimeseriesQuestion: asWritten('TimeseriesQuestion'),
  Timeseries: { series: seriesWithColumns },
  TimeseriesUpdate: { series: seriesWithColumns },
  Query: {
    timeseries,
    ...system,
    ...alarmQueries,
    ...dashboards.queries,
    archive,
    manifest,
    segments,
    backup,
    checkpoints,
    cluster,
    deadLetters,
    deadLetterCounts,
    erasure,
    erasures,
    events,
    event,
    explain,
    fields,
    sql,
    spool,
    replays,
    rollups,
    sources,
    streams,
  },
  Mutation: {
    ...commands,
    ...dashboards.mutations,
    archiveNow,
    startBackup,
    cancelBackup,
    takeCheckpoint,
    resendDeadLetters,
    sendTestEvent,
    eraseUser,
    startReplay,
    applyReplay,
    cancelReplay,
    defineRollup,
    dropRollup,
  },
  Subscription: {
    timeseries: timeseriesUpdates,
    alarmChanged,
    tail,
    health,
    streams: streamUpdates,
    dashboard: dashboardUpdates,
    sharedDashboard: sharedDashboardUpdates,
    panel: dashboards.panelUpdates,
  },
};

export const schema = createSchema<GraphContext>({ typeDefs, resolvers });

/** Executes what `schema` has judged. */
export const executedSchema = createSchema<GraphContext>({
  typeDefs: withSeriesAsLeaf(typeDefs),
  resolvers: {
    ...resolvers,
    CutSeries: cutSeriesScalar,
    Timeseries: { series: writeSeries },
    TimeseriesUpdate: { series: writeSeries },
  },
});
