/** What is wrong with a receiver beyond its shape. Senders trust what passed this. */
import type { Receiver } from '../model/notification.ts';
import { parseNetworks } from './networks.ts';
import { parseTemplate } from './template-syntax.ts';

export interface ReceiverProblem {
  /** Within what its kind has: `headers`, `X-Team`; or `secrets`, 0. A header's name may hold dots. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** Within a template, from 1. */
  readonly line?: number;
  readonly column?: number;
}

type Path = ReceiverProblem['path'];

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
/** What the connection or the signature decides. */
const OWN_HEADERS =
  /^(?:webhook-.*|host|connection|content-length|transfer-encoding|upgrade|expect|te|trailer|keep-alive)$/i;
/** Standard Webhooks: 24 to 64 bytes. */
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;

/** In one text. The place is one within the template, wherever that is written. */
export const receiverProblemText = ({ message, line, column }: ReceiverProblem): string =>
  line === undefined ? message : `${message} (line ${line}, column ${column} of this text)`;

export function checkReceiver(receiver: Receiver): readonly ReceiverProblem[] {
  switch (receiver.kind) {
    case 'webhook':
      return [
        ...urlProblems(['url'], receiver.url, ['http:', 'https:']),
        ...Object.entries(receiver.headers).flatMap(([name, value]) => [
          ...headerProblems(name),
          ...templateProblems(['headers', name], value),
        ]),
        ...templateProblems(['body'], receiver.body),
        ...receiver.secrets.flatMap((secret, index) => secretProblems(['secrets', index], secret)),
        ...networkProblems(receiver.allowNetworks),
      ];
    case 'email':
      return [
        ...urlProblems(['smtp'], receiver.smtp, ['smtp:', 'smtps:']),
        ...addressProblems(receiver.to),
        ...templateProblems(['subject'], receiver.subject),
        ...templateProblems(['text'], receiver.text),
        ...networkProblems(receiver.allowNetworks),
      ];
    case 'console':
    case 'file':
      return [];
  }
}

function urlProblems(path: Path, text: string, protocols: readonly string[]): ReceiverProblem[] {
  const url = URL.parse(text);
  if (url !== null && protocols.includes(url.protocol) && url.hostname !== '' && decodes(url)) {
    return [];
  }
  const forms = protocols.map((protocol) => `${protocol}//`).join(' or ');
  return [{ path, message: `expected an address that begins with ${forms}` }];
}

/** Name and password are sent decoded. */
function decodes({ username, password }: URL): boolean {
  try {
    decodeURIComponent(`${username}:${password}`);
    return true;
  } catch {
    return false;
  }
}

function headerProblems(name: string): ReceiverProblem[] {
  const path = ['headers', name];
  if (!HEADER_NAME.test(name)) return [{ path, message: 'is no name that a header can have' }];
  return OWN_HEADERS.test(name) ? [{ path, message: 'is set by the server itself' }] : [];
}

function templateProblems(path: Path, source: string | undefined): ReceiverProblem[] {
  const parsed = parseTemplate(source ?? '');
  return parsed.ok ? [] : [{ path, ...parsed.error }];
}

function secretProblems(path: Path, secret: string): ReceiverProblem[] {
  const [, text] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
  const bytes = Buffer.from(text ?? '', 'base64');
  const whole = text !== undefined && bytes.toString('base64') === text;
  if (whole && bytes.length >= SECRET_BYTES_MIN && bytes.length <= SECRET_BYTES_MAX) return [];
  const size = `${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX}`;
  return [{ path, message: `expected whsec_ and ${size} bytes in base64, padded` }];
}

function networkProblems(networks: readonly string[]): ReceiverProblem[] {
  return networks.flatMap((network, index) => {
    const parsed = parseNetworks([network]);
    return parsed.ok ? [] : [{ path: ['allowNetworks', index], message: parsed.error }];
  });
}

function addressProblems(to: readonly string[]): ReceiverProblem[] {
  return to.length > 0 ? [] : [{ path: ['to'], message: 'expected at least one address' }];
}
