/** `/v1/export`: the events of a range as a file, sent while it is read. */
import { EPOCH_MS_MAX, EPOCH_MS_MIN } from '../src/model/units.ts';
import type { ExportFormat } from '../src/query/cold/cold-port.ts';
import type { ExportRequest } from '../src/query/cold/cold-queries.ts';
import type { Access } from './authorize.ts';
import { exportRequest } from './export-request.ts';
import type { Exchange } from './http.ts';
import { coldOf } from './resolvers/events.ts';
import type { RouteOptions } from './routes.ts';
import { parametersOf, sendFile } from './send-file.ts';

const MEDIA_TYPE: Readonly<Record<ExportFormat, string>> = {
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8; header=present',
  parquet: 'application/vnd.apache.parquet',
};

export function sendExport(
  exchange: Exchange,
  { cold, logger }: Pick<RouteOptions, 'cold' | 'logger'>,
  { tenant, keyId }: Access,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  return sendFile(exchange, logger, headers, async () => {
    const takesGzip = acceptsGzip(exchange.head.headers.get('accept-encoding') ?? '');
    const request = exportRequest(await parametersOf(exchange), tenant, takesGzip);
    const { stream, format, gzip } = request;
    return {
      source: await coldOf({ cold }).export(request),
      fileName: fileName(request),
      mediaType: MEDIA_TYPE[format],
      isGzip: gzip,
      what: { tenant, keyId, stream, format },
    };
  });
}

const acceptsGzip = (header: string): boolean =>
  header.split(',').some((part) => {
    const [name, ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    return name === 'gzip' && !parameters.some((text) => /^q=0(?:\.0*)?$/.test(text));
  });

/** A header takes few signs: what else a stream is called by becomes `_`. */
function fileName({ stream, format, fromMs, toMs }: ExportRequest): string {
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const from = fromMs === EPOCH_MS_MIN ? [] : [day(fromMs)];
  const to = toMs > EPOCH_MS_MAX ? [] : [`to-${day(toMs)}`];
  return `${[stream.replaceAll(/[^\w.-]/gu, '_').slice(0, 64), ...from, ...to].join('-')}.${format}`;
}
