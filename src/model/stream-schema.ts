/**
 * The columns under which a stream's fields are archived. A schema only ever grows: a column keeps its name, place and
 * type for good, so that a table over all files of the stream stays readable.
 */
import type { ColumnKind } from './columns.ts';

/** A field of the stream as a column of its own. A field that has been number and string has two. */
export interface SchemaColumn {
  /** Unique in the schema, whatever the case: lower-case letters, digits and `_`. */
  readonly name: string;
  /** As applications call it. */
  readonly field: string;
  readonly kind: ColumnKind;
}

export interface StreamSchema {
  readonly tenant: string;
  readonly stream: string;
  /** Counts its changes, from 1. */
  readonly version: number;
  /** In the order in which they came, behind the columns that every stream has. */
  readonly columns: readonly SchemaColumn[];
}
