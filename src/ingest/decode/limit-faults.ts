/** Why an event is refused for its size: what it has, and what is allowed by which setting. */
import type { Fault } from './event-draft.ts';
import type { DecodeLimits } from './limits.ts';

export const lineTooLong = (bytes: number, { lineBytesMax }: DecodeLimits): Fault => ({
  code: 'line_too_long',
  detail: `it has ${bytes} bytes, limits.lineBytesMax allows ${lineBytesMax}`,
});

/** `name` may be as long as a line. */
export const valueTooLong = (name: string, bytes: number, limits: DecodeLimits): Fault => ({
  code: 'value_too_long',
  detail:
    bytes > limits.valueBytesMax
      ? `${shown(name, limits)} has ${bytes} bytes, limits.valueBytesMax allows ${limits.valueBytesMax}`
      : `with ${shown(name, limits)} the texts of the event have more bytes than limits.lineBytesMax allows (${limits.lineBytesMax})`,
});

export const nameTooLong = (name: string, limits: DecodeLimits): Fault => ({
  code: 'field_name_too_long',
  detail: `${shown(name, limits)} has ${Buffer.byteLength(name)} bytes, limits.fieldNameBytesMax allows ${limits.fieldNameBytesMax}`,
});

export const tooManyFields = ({ fieldsMax }: DecodeLimits): Fault => ({
  code: 'too_many_fields',
  detail: `limits.fieldsMax allows ${fieldsMax}`,
});

export const tooDeep = ({ depthMax }: DecodeLimits): Fault => ({
  code: 'too_deep',
  detail: `limits.depthMax allows ${depthMax} levels, the event itself is the first`,
});

export const tooManyColumns = ({ batchColumnsMax }: DecodeLimits): Fault => ({
  code: 'too_many_columns',
  detail: `${batchColumnsMax} are allowed: send what varies as a value, not as a name`,
});

const shown = (name: string, { fieldNameBytesMax }: DecodeLimits): string =>
  JSON.stringify(name.length > fieldNameBytesMax ? `${name.slice(0, fieldNameBytesMax)}…` : name);
