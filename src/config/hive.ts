/** Who is told of new segments: a HiveServer2. What it makes of them is in docs/hive.md. */
import { integer, oneOf, scalar, text, yes } from './scalars.ts';
import { group } from './shapes.ts';

export const DATABASE_PREFIX_DEFAULT = 'streamgauge_';

export const hive = group({
  host: text('a host name or an IP address', 255),
  port: integer(1, 65_535).default(10_000),
  /** As `hive.server2.authentication` is there: `plain` for NONE, LDAP, PAM and CUSTOM, `nosasl` for NOSASL. */
  auth: oneOf(['plain', 'nosasl']).default('plain'),
  /** Owns the tables. */
  user: text('the name of a user', 255).default('streamgauge'),
  password: text('a password', 1_024).optional(),
  /** As `hive.server2.use.SSL` is there. The server's certificate is checked. */
  tls: yes.default(false),
  /** Certificates (PEM) to trust instead of the usual ones. */
  caFile: text('the path of a PEM file').optional(),
  /** A tenant's database is called this and the tenant. Another one means other tables: the old ones are not told any more. */
  databasePrefix: scalar('up to 32 lower-case letters, digits and "_", a letter first', (raw) =>
    typeof raw === 'string' && /^([a-z][a-z0-9_]{0,31})?$/.test(raw) ? raw : undefined,
  ).default(DATABASE_PREFIX_DEFAULT),
  /** How Hive opens the archive, if that differs from how we do. */
  archiveUrl: scalar(
    'a URL of a folder without a slash at its end, such as "hdfs://namenode:8020/streamgauge"',
    (raw) =>
      typeof raw === 'string' &&
      raw.length <= 2_048 &&
      /^[a-z][a-z0-9+.-]*:\/\/\S*[^\s/]$/.test(raw)
        ? raw
        : undefined,
  ).optional(),
});
