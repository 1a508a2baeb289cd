/** Files that a connection to a Kafka needs, looked at before anything starts. */
import { certificateProblem } from './certificates.ts';
import { holdsCertificates, unreadable } from './files.ts';
import type { Connection, ConnectionConflict } from './kafka.ts';

const PEM_KEYS: ReadonlySet<string> = new Set(['caFile', 'certFile']);
/** Somebody else makes it and keeps it fresh, perhaps only once we run. */
const LATER_KEY = 'tokenFile';

/** Paths begin at the group of the connection; those of the files are absolute by now. */
export function fileConflicts({ tls, sasl }: Pick<Connection, 'tls' | 'sasl'>) {
  const conflicts = Object.entries({ tls, sasl }).flatMap(([name, of = {}]) =>
    Object.entries(of).flatMap(([key, file]): ConnectionConflict[] => {
      if (!key.endsWith('File') || key === LATER_KEY || typeof file !== 'string') return [];
      const message = problemOf(key, file);
      return message === undefined ? [] : [{ path: [name, key], message }];
    }),
  );
  return conflicts.length > 0 ? conflicts : pairConflicts(tls);
}

/** Of files that are readable, and have certificates where they should. */
function pairConflicts(tls: Connection['tls']): ConnectionConflict[] {
  if (tls?.certFile === undefined || tls.keyFile === undefined) return [];
  const problem = certificateProblem({ certFile: tls.certFile, keyFile: tls.keyFile });
  return problem ? [{ path: ['tls', problem.key], message: problem.message }] : [];
}

function problemOf(key: string, file: string): string | undefined {
  const reason = unreadable(file);
  if (reason !== undefined) return `expected a file that can be read (${reason})`;
  return PEM_KEYS.has(key) && !holdsCertificates(file)
    ? 'expected a file with certificates as PEM'
    : undefined;
}
