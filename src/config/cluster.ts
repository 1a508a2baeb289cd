/** Several servers over one topic, each of them a node. What its keys mean in practice is in docs/cluster.md. */
import { hostname } from 'node:os';
import { sep } from 'node:path';
import type { z } from 'zod';
import { isUsableNodeKey, USABLE_NODE_KEY } from '../model/node-key.ts';
import type { archive } from './archive.ts';
import { readText, realPath } from './files.ts';
import { scalar, text, yes } from './scalars.ts';
import type { Path } from './settings.ts';
import { group } from './shapes.ts';

const keys = group({
  /** This server is a node of the cluster of all that use the same topic. */
  enabled: yes.optional(),
  /** Who this node is, also after a restart. Default: the host's name. */
  node: scalar('a name of at most 64 letters, digits, ".", "_" and "-"', readNodeName).optional(),
  /** How other nodes, and whoever is sent to another node, reach the query listener of this one. */
  url: scalar('an address such as "http://node-1.example:8081", without a path', (raw) =>
    typeof raw === 'string' && isOrigin(raw) ? new URL(raw).origin : undefined,
  ).optional(),
  /** The same on all nodes: by it they know each other. The secret itself, or a file that holds it. */
  secret: scalar(`a secret of ${USABLE_NODE_KEY}`, (raw) =>
    typeof raw === 'string' && isUsableNodeKey(raw) ? raw : undefined,
  ).optional(),
  secretFile: text('the path of a file').optional(),
});

/** What a node of a cluster is told about it. */
export interface NodeSettings {
  readonly enabled: true;
  readonly node: string;
  readonly url: string;
  /** Exactly one of both. */
  readonly secret?: string;
  readonly secretFile?: string;
}

/** Of what the group says nothing is in force unless `enabled`: it may be kept for later. */
export const cluster = keys.transform((written, context): NodeSettings | { enabled: false } => {
  const { enabled, node = ownName(), url, secret, secretFile } = written;
  const refuse = (key: string, message: string) => {
    context.addIssue({ code: 'custom', path: [key], message });
  };
  // Whoever forgets it would have a server that is alone, and takes the topic for its own.
  if (enabled === undefined && Object.keys(written).length > 0) {
    refuse('enabled', 'expected true, because the group is there; or false where it is for later');
  }
  if (enabled !== true) return { enabled: false };
  if (node === undefined) refuse('node', "expected a name, because the host's name is none");
  if (url === undefined) refuse('url', 'expected how other nodes reach this one, with "enabled"');
  if ((secret === undefined) === (secretFile === undefined)) {
    refuse('secret', 'expected exactly one of "secret" and "secretFile", the same on all nodes');
  }
  return {
    enabled,
    node: node ?? '',
    url: url ?? '',
    ...(secret !== undefined && { secret }),
    ...(secretFile !== undefined && { secretFile }),
  };
});

interface ClusterConflict {
  readonly path: Path;
  readonly message: string;
}

/** What a node needs of the other groups. */
interface NodeNeeds {
  readonly cluster: z.output<typeof cluster>;
  readonly log: { readonly type: string };
  readonly archive: z.output<typeof archive>;
  readonly checkpoints: { readonly enabled: boolean };
  readonly dataDir: string;
}

/** Rules between settings of a node. Paths begin at the whole. */
export function clusterConflicts(settings: NodeNeeds): ClusterConflict[] {
  const { cluster, log, archive, checkpoints, dataDir } = settings;
  if (!cluster.enabled) return [];
  const conflicts: ClusterConflict[] = [];
  const refuse = (path: Path, message: string) => conflicts.push({ path, message });
  if (log.type !== 'kafka') {
    refuse(['log', 'type'], 'expected "kafka" with cluster.enabled: all nodes use one topic');
  }
  const { local, webhdfs, s3 } = archive;
  const isRemote = webhdfs !== undefined || s3 !== undefined;
  const isOutside = local !== undefined && !isWithin(realPath(local.dir), realPath(dataDir));
  if (!archive.enabled) {
    refuse(['archive', 'enabled'], 'expected true with cluster.enabled: all nodes use one archive');
  } else if (!isRemote && !isOutside) {
    const message =
      'expected "webhdfs", "s3", or a "local" folder outside of dataDir that all nodes see, with cluster.enabled';
    refuse(['archive'], message);
  }
  if (!checkpoints.enabled) {
    const message =
      'expected true with cluster.enabled: who takes a partition over begins with its checkpoint';
    refuse(['checkpoints', 'enabled'], message);
  }
  const expected = cluster.secretFile && secretFileProblem(cluster.secretFile);
  if (expected !== undefined) refuse(['cluster', 'secretFile'], `expected a file that ${expected}`);
  return conflicts;
}

const isWithin = (inner: string, outer: string): boolean =>
  `${inner}${sep}`.startsWith(`${outer}${sep}`);

/** What it would have to do; undefined: it does. */
function secretFileProblem(path: string): string | undefined {
  const found = readText(path);
  if (!found.ok) return `can be read (${found.error})`;
  return isUsableNodeKey(found.value.trim()) ? undefined : `holds ${USABLE_NODE_KEY}`;
}

function readNodeName(raw: unknown): string | undefined {
  return typeof raw === 'string' && /^[\w.-]{1,64}$/.test(raw) ? raw : undefined;
}

const ownName = (): string | undefined => readNodeName(hostname());

function isOrigin(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, pathname, search, hash, username } = new URL(address);
  const isPlain = pathname === '/' && search === '' && hash === '' && username === '';
  return isPlain && (protocol === 'http:' || protocol === 'https:');
}
