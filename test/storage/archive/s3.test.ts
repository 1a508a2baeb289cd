/** How the client of S3 behaves towards servers that only a test has; see test/services for one that speaks S3. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { openArchive } from '../../../storage/archive/open.ts';
import { rejects, scratchDir, textAt } from '../../contract/archive.ts';

const tlsFile = (name: string): string =>
  fileURLToPath(new URL(`../../ingest/tls/${name}`, import.meta.url));

test('by TLS only a server whose certificate is trusted is asked', async (t) => {
  const asked: string[] = [];
  const identity = {
    cert: readFileSync(tlsFile('first.crt')),
    key: readFileSync(tlsFile('first.key')),
  };
  const server = createServer(identity, (request, response) => {
    asked.push(`${request.method} ${request.url?.split('?')[0]}`);
    response.end('x');
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const at = (caFile?: string) => opened(t, `https://localhost:${port}`, caFile);
  t.is(await textAt(await at(tlsFile('first.crt')), 'x'), 'x');
  const untold = await at();
  await t.throwsAsync(untold.read('x'), {
    message: /say with "caFile" which certificates to trust/,
  });
  await rejects(t, 'archive_unavailable', (await at(tlsFile('second.crt'))).read('x'));
  t.deepEqual(asked, ['GET /bucket/x']);
  await rejects(t, 'archive_io', at(join(await scratchDir(t), 'gone')));
});

async function opened(t: ExecutionContext, endpoint: string, caFile: string | undefined) {
  const archive = await openArchive({
    type: 's3',
    bucket: 'bucket',
    endpoint,
    forcePathStyle: true,
    credentials: { accessKeyId: 'somebody', secretAccessKey: 'something' },
    caFile,
  });
  t.teardown(() => archive.close());
  return archive;
}
