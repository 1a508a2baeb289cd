/** Which format a file has: what the user says, else what its name and its beginning show. */
import { AppError } from '../../model/errors.ts';
import { accessLog } from './access-log.ts';
import { NAMED_FORMATS, namedFormatOf } from './access-log-format.ts';
import { csv, ndjson } from './event-object.ts';
import type { EventShape, ImportFormat } from './import-format.ts';

export interface FormatOptions extends EventShape {
  /** "auto", a name, or a format of nginx or Apache. */
  readonly format: string;
}

const BYTE_ORDER_MARK = /^\u00ef\u00bb\u00bf/;
/** UTF-16 says with its first two bytes in which order they come. */
const UTF_16 = /^(?:\u00ff\u00fe|\u00fe\u00ff)/;

/** One for each file; undefined if nothing fits. Throws `config_invalid` for what is no format, and for text that is no UTF-8 as a whole. */
export function formatOf(
  path: string,
  head: Buffer,
  options: FormatOptions,
): ImportFormat | undefined {
  const text = head.toString('latin1');
  if (UTF_16.test(text)) throw isUtf16(path);
  const name = options.format === 'auto' ? guessed(path, text) : options.format;
  if (name === undefined) return undefined;
  if (name === 'ndjson') return ndjson(options);
  if (name === 'csv' || name === 'tsv') return csv(name === 'csv' ? ',' : '\t', options);
  for (const option of ['typeField', 'timeField'] as const) {
    if (options[option] === undefined) continue;
    throw new AppError(
      'config_invalid',
      `--${option === 'typeField' ? 'type-field' : 'time-field'} is for ndjson, csv and tsv: the format of an access log says itself what is where (${path} has ${name})`,
    );
  }
  return accessLog(name, options.type);
}

export const notRecognised = (path: string): AppError =>
  new AppError(
    'config_invalid',
    `what is in ${path} was not recognised: say with --format whether it is ndjson, csv, tsv, ${Object.keys(NAMED_FORMATS).join(', ')}, or a format of nginx or Apache such as '$remote_addr [$time_local] "$request" $status'`,
    { path },
  );

function guessed(path: string, head: string): string | undefined {
  const plain = path.toLowerCase().replace(/\.(gz|zst|zstd)$/, '');
  if (/\.(ndjson|jsonl|json)$/.test(plain)) return 'ndjson';
  if (/\.[ct]sv$/.test(plain)) return plain.slice(-3);
  const lines = head.replace(BYTE_ORDER_MARK, '').split('\n', 11);
  // Of a head that is full the last line may have been cut.
  const whole = lines.length > 1 ? lines.slice(0, -1) : lines;
  if (whole.every((line) => /^\s*(\{|$)/.test(line))) return 'ndjson';
  return namedFormatOf(whole.filter((line) => line.trim() !== ''));
}

const isUtf16 = (path: string): AppError =>
  new AppError(
    'config_invalid',
    `expected UTF-8 in ${path}, received UTF-16: iconv -f UTF-16 -t UTF-8 makes one of the other`,
    { path },
  );
