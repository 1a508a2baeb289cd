/** What HDFS says when it does not do what it was asked: a `RemoteException` in JSON, or a page of whatever stands before it. */

/**
 * - `standby`: another NameNode is the active one.
 * - `busy`: safe mode, a lease or a start that is under way: the same request succeeds later.
 * - `noRoom`: a quota is used up, or no DataNode takes data.
 * - `noFolder`: something on the path is a file.
 */
export type HdfsRefusalKind =
  | 'standby'
  | 'busy'
  | 'noRoom'
  | 'denied'
  | 'missing'
  | 'exists'
  | 'noFolder'
  | 'other';

export class HdfsRefusal extends Error {
  readonly kind: HdfsRefusalKind;

  constructor(kind: HdfsRefusalKind, message: string) {
    super(message);
    this.name = 'HdfsRefusal';
    this.kind = kind;
  }
}

const KIND_OF: Readonly<Record<string, HdfsRefusalKind>> = {
  StandbyException: 'standby',
  ObserverRetryOnActiveException: 'standby',
  RetriableException: 'busy',
  SafeModeException: 'busy',
  AlreadyBeingCreatedException: 'busy',
  RecoveryInProgressException: 'busy',
  LeaseExpiredException: 'busy',
  ServerTooBusyException: 'busy',
  // A DataNode that cannot reach its NameNode passes on what it saw.
  ConnectException: 'busy',
  SocketTimeoutException: 'busy',
  NoRouteToHostException: 'busy',
  EOFException: 'busy',
  NSQuotaExceededException: 'noRoom',
  DSQuotaExceededException: 'noRoom',
  QuotaByStorageTypeExceededException: 'noRoom',
  AccessControlException: 'denied',
  AuthenticationException: 'denied',
  AuthorizationException: 'denied',
  SecurityException: 'denied',
  InvalidToken: 'denied',
  FileNotFoundException: 'missing',
  FileAlreadyExistsException: 'exists',
  ParentNotDirectoryException: 'noFolder',
};

/** @param text the answer's body, or its beginning */
export function hdfsRefusal(status: number, text: string): HdfsRefusal {
  const remote = remoteExceptionIn(text);
  if (remote === undefined) {
    const said = text.replaceAll(/<[^>]*>|\s+/g, ' ').trim();
    return new HdfsRefusal(kindOfPage(status), `HTTP ${status}${said && `: ${said}`}`);
  }
  const { exception, message } = remote;
  const [firstLine = ''] = message.split('\n');
  return new HdfsRefusal(kindOf(exception, message, status), `${exception}: ${firstLine}`);
}

function kindOf(exception: string, message: string, status: number): HdfsRefusalKind {
  // With delegation tokens a standby NameNode says so inside of a SecurityException.
  if (message.includes('StandbyException')) return 'standby';
  if (message.includes('SafeModeException')) return 'busy';
  if (message.includes('(is not a directory)')) return 'noFolder';
  if (/Failed to find datanode|could only be written to 0 of/.test(message)) return 'noRoom';
  return KIND_OF[exception] ?? (status >= 500 ? 'busy' : 'other');
}

/** Only HDFS itself may say that a file is missing; a 404 of anybody else comes from a server that is not ready, or not HDFS. */
function kindOfPage(status: number): HdfsRefusalKind {
  if (status === 401 || status === 403) return 'denied';
  return status === 404 || status === 429 || status >= 500 ? 'busy' : 'other';
}

function remoteExceptionIn(text: string): { exception: string; message: string } | undefined {
  try {
    const { RemoteException: remote } = JSON.parse(text);
    return { exception: String(remote.exception), message: String(remote.message ?? '') };
  } catch {
    return undefined;
  }
}
