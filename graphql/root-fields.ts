/** What an operation asks for, at its root. */
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  getOperationAST,
  Kind,
  type SelectionSetNode,
} from 'graphql';

const ROOT_TYPES = { query: 'Query', mutation: 'Mutation', subscription: 'Subscription' } as const;

/**
 * Of a valid document, as `Query.timeseries`: whatever it is called in the answer, in whichever fragment it is, and also where a
 * variable leaves it out. None where it does not say which of its operations is asked.
 */
export function rootFieldsOf(
  document: DocumentNode,
  operationName: string | null | undefined,
): readonly string[] {
  const operation = getOperationAST(document, operationName);
  if (operation == null) return [];
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      fragments.set(definition.name.value, definition);
    }
  }
  const type = ROOT_TYPES[operation.operation];
  // Each fragment once: nested spreads of them could be many more than there are.
  const spread = new Set<string>();
  const fieldsIn = ({ selections }: SelectionSetNode): string[] =>
    selections.flatMap((node) => {
      if (node.kind === Kind.FIELD) return `${type}.${node.name.value}`;
      if (node.kind === Kind.INLINE_FRAGMENT) return fieldsIn(node.selectionSet);
      const name = node.name.value;
      if (spread.has(name)) return [];
      spread.add(name);
      const fragment = fragments.get(name);
      return fragment === undefined ? [] : fieldsIn(fragment.selectionSet);
    });
  return fieldsIn(operation.selectionSet);
}
