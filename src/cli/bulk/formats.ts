/** Which format a file has: what the user says, else what its name and its beginning show. */
import { AppError } from '../../model/errors.ts';
import { AccessLine, accessLog } from './access-log.ts';
import { NAMED_FORMATS } from './access-log-format.ts';
import { EventBytes } from './event-bytes.ts';
import { csv, ndjson } from './event-object.ts';
import type { EventShape, ImportFormat } from './import-format.ts';
import { RecordId } from './record-id.ts';

export interface FormatOptions extends EventShape {
  /** "auto", a name, or a format of nginx or Apache. */
  readonly format: string;
}

/** One for each file. Throws `config_invalid` if nothing fits. */
export function formatOf(path: string, head: Buffer, options: FormatOptions): ImportFormat {
  const name = options.format === 'auto' ? guessed(path, head) : options.format;
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

function guessed(path: string, head: Buffer): string {
  const plain = path.toLowerCase().replace(/\.(gz|zst|zstd)$/, '');
  if (/\.(ndjson|jsonl|json)$/.test(plain)) return 'ndjson';
  if (/\.[ct]sv$/.test(plain)) return plain.slice(-3);
  const lines = head.toString('latin1').split('\n', 11);
  // Of a head that is full the last line may have been cut.
  const whole = lines.length > 1 ? lines.slice(0, -1) : lines;
  if (whole.every((line) => /^\s*(\{|$)/.test(line))) return 'ndjson';
  const found = ['combined', 'common'].find((name) => {
    const format = new AccessLine(name, 'request');
    return whole.some((line) => {
      const bytes = Buffer.from(line, 'latin1');
      return format.write(bytes, 0, bytes.length, new RecordId(''), new EventBytes()) === true;
    });
  });
  if (found !== undefined) return found;
  throw new AppError(
    'config_invalid',
    `what is in ${path} was not recognised: say with --format whether it is ndjson, csv, tsv, ${Object.keys(NAMED_FORMATS).join(', ')}, or a format of nginx or Apache such as '$remote_addr [$time_local] "$request" $status'`,
    { path },
  );
}
