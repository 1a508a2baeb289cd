/** `/v1/dead-letters`: dead letters as NDJSON, sent while they are read. */
import type { Access } from './authorize.ts';
import { demandKnown, textOf, timeOf } from './export-request.ts';
import type { Exchange } from './http.ts';
import { filterOf } from './resolvers/dead-letters.ts';
import type { RouteOptions } from './routes.ts';
import { parametersOf, sendFile } from './send-file.ts';

const PARAMETERS = ['stream', 'code', 'from', 'to', 'contains'] as const;

export function sendLetters(
  exchange: Exchange,
  { letters, logger }: Pick<RouteOptions, 'letters' | 'logger'>,
  { tenant, keyId }: Access,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  return sendFile(exchange, logger, headers, async () => {
    const parameters = await parametersOf(exchange);
    demandKnown(parameters, PARAMETERS);
    const text = (name: (typeof PARAMETERS)[number]) => textOf(name, parameters[name]);
    const filter = filterOf(tenant, {
      stream: text('stream'),
      code: text('code'),
      contains: text('contains'),
      from: timeOf('from', parameters['from']),
      to: timeOf('to', parameters['to']),
    });
    return {
      source: letters.export(filter),
      fileName: 'dead-letters.ndjson',
      mediaType: 'application/x-ndjson',
      isGzip: false,
      what: { tenant, keyId, what: 'dead letters' },
    };
  });
}
