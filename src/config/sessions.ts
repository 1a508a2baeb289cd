/** What makes sessions of a stream's events, and the rollups that count them. */
import { type Measure, measureText } from '../model/rollup.ts';
import {
  countedWithinMs,
  DEFAULT_OPEN_SESSIONS_MAX,
  DEFAULT_SESSION_GAP_MS,
  isSessionStream,
  SESSION_FIELDS,
  type SessionDefinition,
  sessionStream,
  sessionsOf,
} from '../model/session.ts';
import { DAY_MS, durationMs, MINUTE_MS, SECOND_MS } from '../model/units.ts';
import { type Rollup, rollup } from './rollups.ts';
import { duration, integer, name, streamName } from './scalars.ts';
import type { Path } from './settings.ts';
import { field, filter, group, list, repeated } from './shapes.ts';

/** Whose events are in one partition, however many there are: those without a `key` of their own are placed by it. */
const PLACING_FIELD = 'user';
/** As `user`, of events of pages: who is seen there says nothing of a user, and is placed by this. */
export const VISITOR_FIELD = 'visitor';

export const sessions = group({
  name: name('a name'),
  stream: streamName.default('events'),
  user: field.default(PLACING_FIELD),
  filter: list(filter, 16).default([]),
  /** Larger joins visits, and counts each of them later. */
  gap: duration(SECOND_MS, DAY_MS / 2).default(durationMs(DEFAULT_SESSION_GAP_MS)),
  /** Larger takes more stragglers into the session that they belong to, and counts each later. */
  lateness: duration(0, DAY_MS / 2).default(durationMs(MINUTE_MS)),
  entry: field.optional(),
  exit: field.optional(),
  dimensions: list(field, 8).default([]),
  /** Per tenant and partition, half a KiB of memory each. Past it the oldest are closed early. */
  openMax: integer(100, 10_000_000).default(DEFAULT_OPEN_SESSIONS_MAX),
}).transform(
  ({ gap, lateness, ...rest }): SessionDefinition => ({
    ...rest,
    gapMs: gap,
    latenessMs: lateness,
  }),
);

/** Of sessions that no rollup of the configuration counts: what people ask of visits. */
function defaultRollup({ name, entry, exit, dimensions }: SessionDefinition): Rollup {
  return rollup.parse({
    name: `sessions_${name}`.slice(0, 64),
    stream: sessionStream(name),
    dimensions,
    measures: [
      'count',
      'avg(duration_ms)',
      'quantile(duration_ms)',
      'avg(events)',
      'sum(bounce)',
      'avg(bounce)',
      'distinct(user)',
      ...(entry === undefined ? [] : ['top(entry)']),
      ...(exit === undefined ? [] : ['top(exit)']),
    ],
    resolutions: [
      { step: '1m', retention: '14d' },
      { step: '15m', retention: '730d' },
    ],
  });
}

/** Those that count sessions wait for each, and sessions that none counts get one. */
export function withSessions(
  rollups: readonly Rollup[],
  definitions: readonly SessionDefinition[],
): Rollup[] {
  const isCounted = (stream: string) => rollups.some((each) => each.stream === stream);
  const uncounted = definitions.filter(({ name }) => !isCounted(sessionStream(name)));
  return [...rollups, ...uncounted.map(defaultRollup)].map((each) => {
    const definition = sessionsOf(each.stream, definitions);
    if (definition === undefined) return each;
    return {
      ...each,
      latenessMs: durationMs(Math.max(each.latenessMs, countedWithinMs(definition))),
    };
  });
}

interface Conflict {
  readonly path: Path;
  readonly message: string;
}

export function sessionConflicts(
  definitions: readonly SessionDefinition[],
  partitions: number,
  isOfPages: (stream: string) => boolean,
): Conflict[] {
  return [
    ...repeated(definitions.map(({ name }) => name)).map((i) => ({
      path: [i, 'name'],
      message: 'expected a name that no other sessions have',
    })),
    ...definitions.flatMap(({ user, stream, dimensions }, i) => [
      ...(user === PLACING_FIELD ||
      partitions === 1 ||
      (user === VISITOR_FIELD && isOfPages(stream))
        ? []
        : [
            {
              path: [i, 'user'],
              message: `expected "${PLACING_FIELD}", which decides on an event's partition: of another field the events of one value are in several, with a session in each; or set "partitions" to 1`,
            },
          ]),
      ...repeated(dimensions).map((at) => ({
        path: [i, 'dimensions', at],
        message: 'expected each only once',
      })),
      ...dimensions.flatMap((dimension, at) =>
        isOwn(dimension)
          ? [
              {
                path: [i, 'dimensions', at],
                message: `expected another field than ${OWN_FIELDS.join(', ')}, which sessions have of their own`,
              },
            ]
          : [],
      ),
    ]),
  ];
}

/** Of a rollup of the configuration: the path begins in it. */
export function sessionRollupConflicts(
  { stream, filter, dimensions, measures }: Rollup,
  definitions: readonly SessionDefinition[],
): Conflict[] {
  if (!isSessionStream(stream)) return [];
  const definition = sessionsOf(stream, definitions);
  if (definition === undefined) {
    const names = definitions.map((each) => `"${sessionStream(each.name)}"`).join(', ');
    return [
      {
        path: ['stream'],
        message: `expected sessions that are declared (${names || 'there are none'})`,
      },
    ];
  }
  const known = fieldsOf(definition);
  const message = `expected fields of sessions (${known.join(', ')})`;
  const areKnown = (fields: readonly string[]) => fields.every((each) => known.includes(each));
  return [
    ...filter.flatMap((each, i) =>
      areKnown([each.field]) ? [] : [{ path: ['filter', i, 'field'], message }],
    ),
    ...dimensions.flatMap((each, i) =>
      areKnown([each]) ? [] : [{ path: ['dimensions', i], message }],
    ),
    ...measures.flatMap((each, i) =>
      areKnown(fieldsRead(each))
        ? []
        : [
            {
              path: ['measures', i],
              message: `${message}, of which ${measureText(each)} reads another`,
            },
          ],
    ),
  ];
}

const OWN_FIELDS = [...Object.keys(SESSION_FIELDS), 'ts', 'id'];
const isOwn = (name: string): boolean => OWN_FIELDS.includes(name);

function fieldsOf({ entry, exit, dimensions }: SessionDefinition): string[] {
  const own = Object.keys(SESSION_FIELDS).filter(
    (name) => (name !== 'entry' || entry !== undefined) && (name !== 'exit' || exit !== undefined),
  );
  return [...own, ...dimensions];
}

function fieldsRead(measure: Measure): string[] {
  if (measure.op === 'count') return [];
  const by = measure.op === 'top' ? measure.by : undefined;
  return by === undefined ? [measure.field] : [measure.field, by];
}
