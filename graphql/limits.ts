/** What an operation may cost, judged before it runs: depth, fields, aliases, and the work of its root fields. */
import {
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
  type ValidationRule,
} from 'graphql';
import type { RoomBounds } from './room.ts';

/** Longest request body. A large `in` list fits; a file does not. */
export const BODY_BYTES_MAX = 256 * 1024;
/** Tokens of a document: validation is quadratic in the fields of one selection, so size alone does not bound it. */
export const TOKENS_MAX = 4_000;
/** Ours end at 5. Introspection nests deeper and is bounded by the number of fields. */
export const DEPTH_MAX = 10;
/** Fields after fragments are spread, aliases included. */
export const FIELDS_MAX = 500;
/** Of values that a client sends: GraphQL reads them by recursion. Conditions end at 8, two levels each. */
export const VALUE_DEPTH_MAX = 64;
/**
 * Of connections that stay open: WebSockets, and subscriptions over SSE, each of which is one. An open page has one WebSocket. One
 * link may be on the screens of a company; whoever holds it, or a key, leaves the tenant's others some, and a tenant other tenants.
 */
export const CONNECTIONS: RoomBounds = { link: 400, links: 600, key: 500, tenant: 750, all: 1_000 };
/** WebSockets that have not said who they are, for which each has 3 s: they take no room of those that have. */
export const WAITING_SOCKETS_MAX = 250;
/** Of subscriptions over all transports. An open page has some ten; `src/query/limits.ts` bounds what each kind costs. */
export const SUBSCRIPTIONS: RoomBounds = {
  ...{ link: 2_000, links: 2_400, key: 2_400, tenant: 3_500, all: 5_000 },
};

/** The sum over root fields of what they cost to answer. */
export const COST_MAX = 100;

/** Of one stored question, as JSON: some 300 bytes, and conditions. */
export const QUESTION_BYTES_MAX = 8 * 1024;

/** A timeseries reads up to a second of rows; eight of them make a dashboard page. The rest ask actors or one page; `version` is free. */
const ROOT_COSTS: Readonly<Record<string, number>> = {
  timeseries: 12,
  panel: 12,
  dashboards: 1,
  dashboard: 1,
  sharedDashboard: 1,
  // Reads no rows, but has the log staged as the question would.
  explain: 12,
  ledger: 6,
  // As far back as the ledger goes.
  streams: 6,
  // A day of lines from every partition.
  ledgerLines: 12,
  deadLetters: 6,
  // Reads all letters that are kept.
  deadLetterCounts: 12,
  resendDeadLetters: 30,
  sendTestEvent: 12,
  actors: 3,
  partitions: 3,
  health: 6,
  // Looks into the ledger as far back as it goes.
  rollups: 6,
  fields: 3,
  // Each has DuckDB read files for up to `cold.timeoutMs`.
  events: 30,
  event: 30,
  sql: 40,
  tail: 12,
  archive: 3,
  segments: 12,
  manifest: 12,
  archiveNow: 12,
  erasures: 3,
  erasure: 3,
  eraseUser: 12,
  replays: 1,
  startReplay: 12,
  applyReplay: 12,
  cancelReplay: 3,
  backup: 1,
  startBackup: 12,
  cancelBackup: 3,
  checkpoints: 1,
  cluster: 1,
  takeCheckpoint: 12,
  spool: 1,
  sources: 3,
  // Reads up to months of rows.
  testRule: 40,
  alarmHistory: 6,
  deliveries: 6,
  alarms: 3,
  alarmChanged: 3,
  delivery: 3,
  alarmRules: 3,
  alarmBoard: 3,
  receivers: 1,
  silences: 1,
  routes: 1,
  // Definitions go through the log to every partition.
  putRule: 12,
  defineRollup: 12,
  dropRollup: 12,
  removeRule: 12,
  // Plans up to 30 questions.
  putDashboard: 12,
  dropDashboard: 6,
  shareDashboard: 6,
  endShare: 6,
  testReceiver: 12,
  putReceiver: 6,
  removeReceiver: 6,
  enableReceiver: 6,
  disableReceiver: 6,
  setRoutes: 6,
  addSilence: 3,
  expireSilence: 3,
  acknowledge: 3,
  unacknowledge: 3,
  resendDelivery: 3,
};

/** Level by level: a recursion would end where theirs does. */
export function isTooDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > VALUE_DEPTH_MAX) return true;
    level = level.flatMap((each) =>
      typeof each === 'object' && each !== null ? Object.values(each) : [],
    );
  }
  return false;
}

interface Measured {
  readonly fields: number;
  readonly depth: number;
}

export const operationLimits: ValidationRule = (context: ValidationContext) => ({
  OperationDefinition(operation: OperationDefinitionNode) {
    const measure = measurer(context);
    const { fields, depth } = measure(operation.selectionSet);
    const cost = rootFields(context, operation.selectionSet, new Set()).reduce(
      (sum, field) => sum + costOf(field),
      0,
    );
    refuseAbove('depth', depth, DEPTH_MAX);
    refuseAbove('fields', fields, FIELDS_MAX);
    refuseAbove('cost', cost, COST_MAX);
    function refuseAbove(what: string, received: number, max: number): void {
      if (received <= max) return;
      const message = `the operation has ${what} ${received}, at most ${max} is answered: ask in several requests`;
      const extensions = { code: 'operation_too_large' };
      context.reportError(new GraphQLError(message, { nodes: operation, extensions }));
    }
  },
});

/** A comparison asks everything twice. */
function costOf({ name, arguments: given = [] }: FieldNode): number {
  const compares = given.some(
    (each) => each.name.value === 'compare' && each.value.kind !== Kind.NULL,
  );
  return (ROOT_COSTS[name.value] ?? 0) * (compares ? 2 : 1);
}

/** Fragments are measured once each, so that nested spreads cannot make measuring itself expensive. */
function measurer(context: ValidationContext): (selection: SelectionSetNode) => Measured {
  const measured = new Map<string, Measured>();
  const nothing: Measured = { fields: 0, depth: 0 };
  const measure = (selection: SelectionSetNode | undefined): Measured => {
    let fields = 0;
    let depth = 0;
    for (const node of selection?.selections ?? []) {
      const inner =
        node.kind === Kind.FRAGMENT_SPREAD ? spread(node.name.value) : measure(node.selectionSet);
      const isField = node.kind === Kind.FIELD;
      const isIntrospection = isField && node.name.value.startsWith('__');
      fields += inner.fields + (isField ? 1 : 0);
      if (!isIntrospection) depth = Math.max(depth, inner.depth + (isField ? 1 : 0));
    }
    return { fields, depth };
  };
  const spread = (name: string): Measured => {
    const known = measured.get(name);
    if (known !== undefined) return known;
    // A fragment that spreads itself is refused by another rule; here it must only come to an end.
    measured.set(name, nothing);
    const result = measure(fragment(context, name)?.selectionSet);
    measured.set(name, result);
    return result;
  };
  return measure;
}

function rootFields(
  context: ValidationContext,
  selection: SelectionSetNode,
  spread: Set<string>,
): FieldNode[] {
  return selection.selections.flatMap((node) => {
    if (node.kind === Kind.FIELD) return [node];
    if (node.kind === Kind.INLINE_FRAGMENT) return rootFields(context, node.selectionSet, spread);
    const named = fragment(context, node.name.value);
    if (named === undefined || spread.has(node.name.value)) return [];
    spread.add(node.name.value);
    return rootFields(context, named.selectionSet, spread);
  });
}

const fragment = (context: ValidationContext, name: string): FragmentDefinitionNode | undefined =>
  context.getFragment(name) ?? undefined;
