/** Files in HDFS for tests, over WebHDFS, by no code of the product. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

interface Place {
  readonly webHdfsUrl: string;
}

const USER = 'streamgauge';

/** Replaces what is there; makes the folders above it. */
export async function writeFile(
  { webHdfsUrl }: Place,
  path: string,
  content: Uint8Array | string,
): Promise<void> {
  const asked = await fetch(
    `${webHdfsUrl}/webhdfs/v1${path}?op=CREATE&overwrite=true&noredirect=true&user.name=${USER}`,
    { method: 'PUT' },
  );
  const { Location }: { Location: string } = JSON.parse(await asked.text());
  // The DataNode sends "100 Continue" to everyone, which fetch takes for a broken answer.
  const put = request(Location, { method: 'PUT' });
  put.end(content);
  const [answer]: IncomingMessage[] = await once(put, 'response');
  const said = answer === undefined ? 'nothing' : await text(answer);
  if (answer?.statusCode !== 201) throw new Error(`${path}: ${answer?.statusCode} ${said}`);
}

export async function readFile({ webHdfsUrl }: Place, path: string): Promise<string> {
  const answer = await fetch(`${webHdfsUrl}/webhdfs/v1${path}?op=OPEN&user.name=${USER}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return await answer.text();
}
