/**
 * The inside of `series` without a resolver per value. A wide answer has hundreds of thousands of values, and
 * graphql-js spends about a kilobyte and 5 µs on each. So there are two schemas: documents are judged by the public one,
 * and executed by one in which `series` is a leaf, whose resolver cuts plain data to the selection by itself.
 */
import {
  type DocumentNode,
  type FieldNode,
  GraphQLIncludeDirective,
  type GraphQLResolveInfo,
  GraphQLScalarType,
  GraphQLSkipDirective,
  getDirectiveValues,
  Kind,
  type SelectionSetNode,
} from 'graphql';

type Cut = (value: object) => object;

/** Type names by the field that leads there. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  series: 'Series',
  labels: 'Label',
  points: 'Point',
  compared: 'ComparedPoint',
  columns: 'PointColumns',
  comparedColumns: 'ComparedColumns',
  values: 'MeasuredValue',
  buckets: 'HistogramBucket',
  entries: 'TopEntry',
};

const LEAF = 'CutSeries';

/** The leaf's type; what it is given is finished. */
export const cutSeriesScalar = new GraphQLScalarType<unknown, unknown>({
  name: LEAF,
  coerceOutputValue: (value) => value,
});

/** The public type definitions with `series` as a leaf. */
export function withSeriesAsLeaf(typeDefs: string): string {
  const parts = typeDefs.split('  series: [Series!]!\n');
  if (parts.length !== 3) throw new Error('expected two types that have series');
  return `${parts.join(`  series: ${LEAF}!\n`)}\nscalar ${LEAF}\n`;
}

/** Whoever asks for the schema itself gets the public one. */
export const asksForSchema = ({ definitions }: DocumentNode): boolean =>
  definitions.some(
    (definition) => 'selectionSet' in definition && selectsSchema(definition.selectionSet),
  );

const selectsSchema = ({ selections }: SelectionSetNode): boolean =>
  selections.some((node) => {
    if (node.kind === Kind.FIELD && /^__(schema|type)$/.test(node.name.value)) return true;
    return 'selectionSet' in node && node.selectionSet !== undefined
      ? selectsSchema(node.selectionSet)
      : false;
  });

/** What the field's selection keeps of one of its objects. */
export function cutOf(info: GraphQLResolveInfo): Cut {
  return cutOfFields(info.fieldNodes, info);
}

function cutOfFields(parents: readonly FieldNode[], info: GraphQLResolveInfo): Cut {
  const typeName = TYPE_NAMES[parents[0]?.name.value ?? ''];
  const selected = new Map<string, FieldNode[]>();
  for (const { selectionSet } of parents) {
    if (selectionSet !== undefined) collect(selectionSet, info, selected);
  }
  const fields = [...selected].map(([key, nodes]) => {
    const name = nodes[0]?.name.value ?? '';
    const hasFields = nodes.some(({ selectionSet }) => selectionSet !== undefined);
    return { key, name, cut: hasFields ? cutOfFields(nodes, info) : undefined };
  });
  return (value) => {
    const all = value as Readonly<Record<string, unknown>>;
    const kept: Record<string, unknown> = {};
    for (const { key, name, cut } of fields) {
      if (name === '__typename') kept[key] = typeName;
      else kept[key] = cutValue(all[name], cut);
    }
    return kept;
  };
}

/** What a value does not have is null. */
function cutValue(value: unknown, cut: Cut | undefined): unknown {
  if (cut === undefined || value === undefined || value === null) return value ?? null;
  return Array.isArray(value) ? value.map(cut) : cut(value);
}

/** By response key; the document has been validated, so equal keys mean the same field. */
function collect(
  { selections }: SelectionSetNode,
  info: GraphQLResolveInfo,
  into: Map<string, FieldNode[]>,
): void {
  for (const node of selections) {
    if (getDirectiveValues(GraphQLSkipDirective, node, info.variableValues)?.['if'] === true)
      continue;
    if (getDirectiveValues(GraphQLIncludeDirective, node, info.variableValues)?.['if'] === false)
      continue;
    if (node.kind === Kind.FIELD) {
      const key = node.alias?.value ?? node.name.value;
      const nodes = into.get(key);
      if (nodes === undefined) into.set(key, [node]);
      else nodes.push(node);
    } else if (node.kind === Kind.INLINE_FRAGMENT) {
      collect(node.selectionSet, info, into);
    } else {
      const fragment = info.fragments[node.name.value];
      if (fragment !== undefined) collect(fragment.selectionSet, info, into);
    }
  }
}
