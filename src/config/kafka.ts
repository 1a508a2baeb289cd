/** Where a Kafka is and how it lets us in: of the log, and of topics that others write. What its keys mean in practice is in docs/kafka.md. */
import { z } from 'zod';
import { oneOf, scalar, text, yes } from './scalars.ts';
import type { Path } from './settings.ts';
import { group, list } from './shapes.ts';

const BROKERS_MAX = 64;
const file = text('the path of a file');
const pem = text('the path of a PEM file');
const secret = text('a secret of at most 4,096 characters', 4_096);

/** As brokers call them. */
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const;

const tls = group({
  /** What the listener is: `SSL` and `SASL_SSL` are encrypted. */
  enabled: yes.default(true),
  /** Certificates (PEM) to trust instead of the usual ones. */
  caFile: pem.optional(),
  /** Ours, with its chain and its key, for brokers that want to see one. Both or neither. */
  certFile: pem.optional(),
  keyFile: pem.optional(),
  /** Whom the broker's certificate has to be for, where that is not the host that is connected to. */
  serverName: text('a host name', 255).optional(),
});

const sasl = group({
  mechanism: oneOf(MECHANISMS),
  username: text('a name', 255).optional(),
  /** Of each secret itself or a file that holds it; the file is read for each connection. */
  password: secret.optional(),
  passwordFile: file.optional(),
  /** OAUTHBEARER: a file with a token, which somebody else keeps fresh; or where and as whom to get one. */
  tokenFile: file.optional(),
  tokenUrl: scalar(
    'the address of a token endpoint, such as "https://login.example/token"',
    (raw) => (typeof raw === 'string' && isWebAddress(raw) ? raw : undefined),
  ).optional(),
  clientId: text('the id of a client', 255).optional(),
  clientSecret: secret.optional(),
  clientSecretFile: file.optional(),
  scope: text('a scope', 1_024).optional(),
  /** Certificates (PEM) of the token endpoint, to trust instead of the usual ones. */
  caFile: pem.optional(),
});

/** To be spread into the group of whatever speaks with a Kafka. */
export const connectionKeys = {
  /** Some of the brokers: they name the others. */
  brokers: list(
    scalar('an address such as "kafka-1.example:9092"', (raw) =>
      typeof raw === 'string' && isAddress(raw) ? raw : undefined,
    ),
    BROKERS_MAX,
  ).min(1, { error: 'expected at least one address' }),
  /** How brokers call us in their logs and quotas. */
  clientId: text('a name', 255).default('streamgauge'),
  tls: tls.optional(),
  sasl: sasl.optional(),
};
const connection = z.object(connectionKeys);
export type Connection = z.output<typeof connection>;
type Sasl = NonNullable<Connection['sasl']>;
type SaslKey = Exclude<keyof Sasl, 'mechanism'>;

export interface ConnectionConflict {
  readonly path: Path;
  readonly message: string;
}

/** Rules between its settings. Paths begin at its group. */
export function connectionConflicts({
  brokers,
  tls,
  sasl,
}: Pick<Connection, 'brokers' | 'tls' | 'sasl'>) {
  const conflicts: ConnectionConflict[] = [];
  const refuse = (path: Path, message: string) => conflicts.push({ path, message });
  const names = brokers.map(brokerName);
  for (const [i, name] of names.entries()) {
    if (names.indexOf(name) < i) refuse(['brokers', i], 'expected each broker only once');
  }
  for (const key of TLS_KEYS) {
    if (tls?.enabled !== false || tls[key] === undefined) continue;
    refuse(['tls', key], 'expected none with "enabled: false": nothing is encrypted, or checked');
  }
  if ((tls?.certFile === undefined) !== (tls?.keyFile === undefined)) {
    refuse(['tls'], 'expected both of "certFile" and "keyFile", or neither');
  }
  if (sasl === undefined) return conflicts;
  const { mechanism } = sasl;
  for (const key of Object.keys(sasl)) {
    if (key === 'mechanism' || keysOf(sasl).some((allowed) => allowed === key)) continue;
    refuse(['sasl', key], `expected none with "mechanism: ${mechanism}": ${usedInstead(sasl)}`);
  }
  for (const keys of neededBy(sasl)) {
    const given = keys.filter((key) => sasl[key] !== undefined);
    if (given.length === 1) continue;
    const wanted = keys.map((key) => `"${key}"`).join(' and ');
    const which = keys.length === 1 ? wanted : `exactly one of ${wanted}`;
    refuse(['sasl'], `expected ${which} with "mechanism: ${mechanism}"`);
  }
  return conflicts;
}

/** The same for addresses that are written differently. */
export function brokerName(address: string): string {
  const port = address.lastIndexOf(':');
  return `${address.slice(0, port).toLowerCase()}:${Number(address.slice(port + 1))}`;
}

const TLS_KEYS = ['caFile', 'certFile', 'keyFile', 'serverName'] as const;
const PASSWORD_KEYS: readonly SaslKey[] = ['username', 'password', 'passwordFile'];
const ENDPOINT_KEYS: readonly SaslKey[] = ['clientId', 'clientSecret', 'clientSecretFile'];
const TOKEN_KEYS: readonly SaslKey[] = [
  'tokenFile',
  'tokenUrl',
  ...ENDPOINT_KEYS,
  'scope',
  'caFile',
];

/** Those that say something with its mechanism. */
function keysOf({ mechanism, tokenFile }: Sasl): readonly SaslKey[] {
  if (mechanism !== 'OAUTHBEARER') return PASSWORD_KEYS;
  return tokenFile === undefined ? TOKEN_KEYS : ['tokenFile', 'tokenUrl'];
}

const usedInstead = (sasl: Sasl): string =>
  sasl.tokenFile === undefined
    ? `it takes ${keysOf(sasl).join(', ')}`
    : '"tokenFile" holds the token';

/** Of each list exactly one. */
function neededBy({ mechanism, tokenUrl }: Sasl): readonly (readonly SaslKey[])[] {
  if (mechanism !== 'OAUTHBEARER') return [['username'], ['password', 'passwordFile']];
  const source: readonly SaslKey[] = ['tokenFile', 'tokenUrl'];
  if (tokenUrl === undefined) return [source];
  return [source, ['clientId'], ['clientSecret', 'clientSecretFile']];
}

/** The same with paths that say where they begin: `absolute` knows the folder of who wrote one. */
export function withAbsoluteFiles<T extends Pick<Connection, 'tls' | 'sasl'>>(
  settings: T,
  absolute: (path: Path, value: string) => string,
): T {
  const resolved = <Group extends object>(name: string, of: Group): Group => ({
    ...of,
    ...Object.fromEntries(
      Object.entries(of).flatMap(([key, value]) =>
        key.endsWith('File') && typeof value === 'string'
          ? [[key, absolute([name, key], value)]]
          : [],
      ),
    ),
  });
  return {
    ...settings,
    ...(settings.tls && { tls: resolved('tls', settings.tls) }),
    ...(settings.sasl && { sasl: resolved('sasl', settings.sasl) }),
  };
}

const PORT_MAX = 65_535;

function isAddress(address: string): boolean {
  const [, port] = /^(?:\[[0-9a-fA-F:.]+\]|[\w.-]{1,255}):(\d{1,5})$/.exec(address) ?? [];
  return port !== undefined && Number(port) > 0 && Number(port) <= PORT_MAX;
}

const isWebAddress = (address: string): boolean =>
  URL.canParse(address) && /^https?:$/.test(new URL(address).protocol);
