/** Topics of Kafka that other programs write, as sources of events. What the keys mean in practice is in docs/sources.md. */
import { z } from 'zod';
import { isStreamName, STREAM_NAME_RULE } from '../model/stream-name.ts';
import { brokerName, type Connection, connectionConflicts, connectionKeys } from './kafka.ts';
import { fileConflicts } from './kafka-files.ts';
import { name, oneOf, scalar, text } from './scalars.ts';
import type { Path } from './settings.ts';
import { FIELD_NAME_LENGTH_MAX, group, list } from './shapes.ts';

const FORMATS = ['json', 'ndjson', 'msgpack', 'cloudevents'] as const;
/** As brokers allow. */
const TOPIC_NAME = /^[\w.-]{1,249}$/;
const HEADER_LENGTH_MAX = 256;
const SOURCES_MAX = 64;
const TOPICS_MAX = 64;
const RENAMED_MAX = 64;
const TYPE_LENGTH_MAX = 256;

const header = text('the name of a header', HEADER_LENGTH_MAX);

const topic = scalar('a topic: 1 to 249 letters, digits, "_", "." or "-"', (raw) =>
  typeof raw === 'string' && TOPIC_NAME.test(raw) ? raw : undefined,
);

const START = '"earliest", "latest" or a time such as "2026-01-31T00:00:00Z"';
const start = scalar(START, (raw): 'earliest' | 'latest' | number | undefined => {
  if (raw === 'earliest' || raw === 'latest') return raw;
  const isTime = typeof raw === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(raw);
  const atMs = isTime ? Date.parse(raw) : Number.NaN;
  return atMs >= 0 ? atMs : undefined;
});

/** Exactly one key of those that are allowed, with a text that is. */
function keyed(raw: unknown, allowed: Readonly<Record<string, (value: string) => boolean>>) {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return undefined;
  const [entry, ...others] = Object.entries(raw);
  if (entry === undefined || others.length > 0) return undefined;
  const [key, value] = entry;
  if (typeof value !== 'string' || value === '') return undefined;
  return Object.hasOwn(allowed, key) && allowed[key]?.(value) === true ? { key, value } : undefined;
}

const isHeader = (value: string) => value.length <= HEADER_LENGTH_MAX;

const stream = scalar(
  `a stream (${STREAM_NAME_RULE}), {header: NAME}, {field: NAME} or {record: topic}`,
  (raw): string | { header: string } | { field: string } | { record: 'topic' } | undefined => {
    if (typeof raw === 'string') return isStreamName(raw) ? raw : undefined;
    const found = keyed(raw, {
      header: isHeader,
      field: (value) => value.length <= FIELD_NAME_LENGTH_MAX,
      record: (value) => value === 'topic',
    });
    if (found?.key === 'header') return { header: found.value };
    if (found?.key === 'field') return { field: found.value };
    return found && { record: 'topic' };
  },
);

const type = scalar(
  `the type of all events, of at most ${TYPE_LENGTH_MAX} characters, or {header: NAME}`,
  (raw): string | { header: string } | undefined => {
    if (typeof raw === 'string') {
      return raw !== '' && raw.length <= TYPE_LENGTH_MAX ? raw : undefined;
    }
    const found = keyed(raw, { header: isHeader });
    return found && { header: found.value };
  },
);

function headerOrKey(raw: unknown): { header: string } | { record: 'key' } | undefined {
  const found = keyed(raw, { header: isHeader, record: (value) => value === 'key' });
  if (found === undefined) return undefined;
  return found.key === 'header' ? { header: found.value } : { record: 'key' };
}

const time = scalar('{header: NAME}', (raw): { header: string } | undefined => {
  const found = keyed(raw, { header: isHeader });
  return found && { header: found.value };
});

/** One that a header names. */
const tenantByHeader = group({
  header,
  /** Those that it may name. */
  allow: list(name('a tenant'), 10_000).min(1, { error: 'expected at least one tenant' }),
  /** Who sees the records that name none of these, as dead letters. */
  refusedTo: name('a tenant').default('default'),
});

const tenant = z.union([name('a tenant'), tenantByHeader], {
  error: 'expected a tenant: 1 to 64 letters, digits, "_" or "-", or {header, allow, refusedTo}',
});

const fields = scalar(
  `at most ${RENAMED_MAX} names of the topic's fields with their names here, such as {order_id: id}`,
  (raw): Record<string, string> | undefined => {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return undefined;
    const names = Object.entries(raw);
    const isName = (name: unknown) =>
      typeof name === 'string' && name !== '' && name.length <= FIELD_NAME_LENGTH_MAX;
    const areNames = names.every(([from, to]) => isName(from) && isName(to));
    return areNames && names.length <= RENAMED_MAX ? Object.fromEntries(names) : undefined;
  },
);

const topicSource = group({
  /** In metrics, logs and questions; and the stream of dead letters of which no other is known. */
  name: scalar('a name: 1 to 64 letters, digits, "_" or "-", not "-" first', (raw) =>
    typeof raw === 'string' && /^\w[\w-]{0,63}$/.test(raw) ? raw : undefined,
  ),
  ...connectionKeys,
  /** All are read alike; one that is not there holds up the others. */
  topics: list(topic, TOPICS_MAX).min(1, { error: 'expected at least one topic' }),
  /** Servers with the same group share the partitions. Default: "streamgauge-" and the name. */
  group: text('the id of a consumer group', 255).optional(),
  /** Who this server is in the group, also after a restart. Default: made once for the data folder. */
  instance: scalar('an id: 1 to 249 letters, digits, "_", "." or "-"', (raw) =>
    typeof raw === 'string' && TOPIC_NAME.test(raw) ? raw : undefined,
  ).optional(),
  /** Where a partition begins that the group has not read yet. */
  start: start.default('earliest'),
  /** What the value of a record is. `json`: one event or an array of them. */
  format: oneOf(FORMATS).default('json'),
  tenant: tenant.default('default'),
  stream: stream.default('events'),
  /** Of events that say none themselves. */
  type: type.optional(),
  /** The partition key of events that say none themselves. */
  key: scalar('{header: NAME}, {record: key} or none', (raw) =>
    raw === 'none' ? raw : headerOrKey(raw),
  ).default({ record: 'key' }),
  /** Of events that say none themselves. Without it: where the event lies, so that it counts once if it is read again. */
  id: scalar('{header: NAME} or {record: key}', headerOrKey).optional(),
  /** Of events that say none themselves. Without it: the record's own time. */
  time: time.optional(),
  /** The topic's names of fields and their names here. */
  fields: fields.default({}),
});

export const topicSources = list(topicSource, SOURCES_MAX).default([]);
type TopicSources = z.output<typeof topicSources>;

interface SourceConflict {
  readonly path: Path;
  readonly message: string;
}

interface HeldAgainst {
  /** Of a log that is a topic. */
  readonly log: (Pick<Connection, 'brokers'> & { readonly topic: string }) | undefined;
  readonly nowMs: number;
  readonly areAllFilesNeeded: boolean;
}

/** Rules between the settings of sources, and of the log. Paths begin at the list. */
export function sourceConflicts(
  sources: TopicSources,
  { log, nowMs, areAllFilesNeeded }: HeldAgainst,
): SourceConflict[] {
  const logBrokers = new Set(log?.brokers.map(brokerName));
  const groupOf = ({ name, group }: TopicSources[number]) => group ?? defaultGroup(name);
  return sources.flatMap((source, i) => {
    const { format, stream } = source;
    const before = sources.slice(0, i);
    const ofConnection = [
      ...connectionConflicts(source),
      ...(areAllFilesNeeded ? fileConflicts(source) : []),
    ];
    const conflicts: SourceConflict[] = ofConnection.map(({ path, message }) => ({
      path: [i, ...path],
      message,
    }));
    const refuse = (path: Path, message: string) => conflicts.push({ path: [i, ...path], message });
    if (before.some(({ name }) => name === source.name)) {
      refuse(['name'], 'expected a name that no other source has');
    } else if (before.some((other) => groupOf(other) === groupOf(source))) {
      refuse(['group'], 'expected a group that no other source of this server has');
    }
    if (new Set(source.topics).size < source.topics.length) {
      refuse(['topics'], 'expected each topic only once');
    }
    const isOfLog = source.brokers.some((broker) => logBrokers.has(brokerName(broker)));
    const own = source.topics.findIndex((topic) => isOfLog && topic === log?.topic);
    if (own >= 0) {
      refuse(
        ['topics', own],
        "expected another topic than the log's own: what is read of it would come into it again, without end",
      );
    }
    if (typeof source.start === 'number' && source.start > nowMs) {
      refuse(['start'], 'expected a time that has been: no record can be as new');
    }
    const isByField = typeof stream === 'object' && 'field' in stream;
    if (isByField && format !== 'json' && format !== 'ndjson') {
      refuse(['stream'], `expected no {field} with "format: ${format}": only JSON is looked into`);
    }
    const targets = Object.values(source.fields);
    if (new Set(targets).size < targets.length) {
      refuse(['fields'], 'expected two fields to have different names here');
    }
    return conflicts;
  });
}

export const defaultGroup = (name: string): string => `streamgauge-${name}`;
