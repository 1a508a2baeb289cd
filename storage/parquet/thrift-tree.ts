/** A struct of Thrift's compact protocol as it stands, so that it can be written again with some fields changed. */

/** By field id. */
export type ThriftStruct = Map<number, ThriftField>;

export interface ThriftField {
  /** Its type in the compact protocol; of a boolean its value, too. */
  readonly wire: number;
  readonly value: ThriftValue;
}

export interface ThriftList {
  readonly wire: number;
  readonly items: ThriftValue[];
}

/** Texts and doubles are bytes. */
export type ThriftValue = number | boolean | Uint8Array | ThriftList | ThriftStruct;

/** Throws a `RangeError` if the field is not there, or no number. */
export function integerIn(struct: ThriftStruct, field: number): number {
  const value = struct.get(field)?.value;
  if (typeof value === 'number') return value;
  throw new RangeError(`a Thrift struct without a number in field ${field}`);
}

/** Throws a `RangeError` if the field is not there, or no struct. */
export function structIn(struct: ThriftStruct, field: number): ThriftStruct {
  return asStruct(struct.get(field)?.value, field);
}

/** Throws a `RangeError` if the field is not there, or no list of structs. */
export function structsIn(struct: ThriftStruct, field: number): ThriftStruct[] {
  const value = struct.get(field)?.value;
  if (typeof value === 'object' && 'items' in value) {
    return value.items.map((item) => asStruct(item, field));
  }
  throw new RangeError(`a Thrift struct without a list in field ${field}`);
}

/** In the place of what the field was, which is of the same type. Nothing, if the field is not there. */
export function replaceIn(struct: ThriftStruct, field: number, value: ThriftValue): void {
  const found = struct.get(field);
  if (found !== undefined) struct.set(field, { wire: found.wire, value });
}

function asStruct(value: ThriftValue | undefined, field: number): ThriftStruct {
  if (value instanceof Map) return value;
  throw new RangeError(`a Thrift struct without a struct in field ${field}`);
}
