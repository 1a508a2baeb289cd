/** Arguments as they come from GraphQL. */

export type Maybe<T> = T | null | undefined;

/** GraphQL's null and absent are both "not given". */
export function given<K extends string, T>(name: K, value: Maybe<T>): { readonly [name in K]?: T } {
  return value === null || value === undefined
    ? {}
    : ({ [name]: value } as { readonly [name in K]?: T });
}

/** An input as plain data without what is not given, as a file would have it: GraphQL's objects have no prototype. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null && item !== undefined)
      .map(([key, item]) => [key, plain(item)]),
  );
}
