/** Why brokers do not let us in, where the client's error is a tree of errors that each know a little. */
import { findErrorBy } from '@platformatic/kafka';
import { AppError } from '../../src/model/errors.ts';
import type { KafkaConnection } from './connection.ts';
import { kafkaPath } from './faults.ts';

/** Codes that Node.js gives to certificates which it does not believe. */
const UNTRUSTED: ReadonlySet<unknown> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
const OTHER_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';
const UNSUPPORTED_MECHANISM = 33;
const DEPTH_MAX = 16;
const CLOSED = /Connection closed/;
/** Of the innermost errors, that a message shows. */
const DETAILS_MAX = 3;

/** What is to be done about it, as a `log_denied`; undefined where the fault is of another kind. */
export function accessFault(error: unknown, connection: KafkaConnection): AppError | undefined {
  const faults = [...faultsIn(error)];
  const own = faults.find((fault) => fault instanceof AppError && fault.code === 'log_denied');
  if (own instanceof AppError) return own;
  for (const fault of faults) {
    const why = whyDenied(fault, faults, connection);
    if (why !== undefined) return new AppError('log_denied', why, {}, error);
  }
  return undefined;
}

/** As `accessFault`, or a `log_away` with what the innermost errors say, and what brokers without a word may want. */
export function brokerFault(
  doing: string,
  topic: string,
  error: unknown,
  connection: KafkaConnection,
): AppError {
  const denial = accessFault(error, connection);
  if (denial !== undefined) return denial;
  const innermost = [...faultsIn(error)].filter((fault) => [...faultsIn(fault)].length === 1);
  const details = [...new Set(innermost.map(({ message }) => message))].slice(0, DETAILS_MAX);
  const isSilent = details.length > 0 && details.every((detail) => CLOSED.test(detail));
  const hint = isSilent ? `; ${wantedPerhaps(connection)}` : '';
  const message = `${doing} failed: ${connection.brokers.join(', ')}: ${details.join(', ')}${hint}`;
  return new AppError('log_away', message, { path: kafkaPath(topic) }, error);
}

function wantedPerhaps({ tls, sasl }: KafkaConnection): string {
  if (tls?.enabled !== true) {
    return `the port may be one for TLS (tls.enabled)${sasl === undefined ? ' or SASL (sasl.mechanism)' : ''}`;
  }
  if (sasl !== undefined) return 'the port may be one without SASL, or want a certificate';
  return 'the port may want a certificate that it believes (tls.certFile, tls.keyFile) or SASL (sasl.mechanism)';
}

function whyDenied(
  fault: Error,
  faults: readonly Error[],
  { sasl, brokers }: KafkaConnection,
): string | undefined {
  const asked = brokers.join(', ');
  const code = 'code' in fault ? fault.code : undefined;
  if (UNTRUSTED.has(code)) {
    return `the certificate of ${asked} is not trusted (${fault.message}): set tls.caFile to a PEM file of who has signed it`;
  }
  if (code === OTHER_NAME) {
    return `${fault.message}: connect to a name that is in the certificate, or set tls.serverName to one`;
  }
  if (/Broker requires TLS/.test(fault.message)) {
    return `${asked} wants TLS: set tls.enabled`;
  }
  if (/TLS handshake failed|wrong version number|packet length too long/i.test(fault.message)) {
    return `${asked} does not speak TLS (${fault.message}): connect to a port that does, or leave "tls" out`;
  }
  // Whoever is cut off while he shows himself may have met a broker that ends.
  if (code === 'PLT_KFK_AUTHENTICATION' && !CLOSED.test(detailOf(faults))) {
    const { mechanism, username, clientId } = sasl ?? {};
    if (findErrorBy(fault, 'apiCode', UNSUPPORTED_MECHANISM) !== null) {
      return `${asked} takes no ${mechanism}: set sasl.mechanism to one that is in the listener's sasl.enabled.mechanisms`;
    }
    const who = username ?? clientId ?? 'the bearer of the token';
    return `${asked} does not let ${who} in by ${mechanism} (${detailOf(faults)}): see to what "sasl" says`;
  }
  return undefined;
}

/** What the broker has said, where it has said something; else the innermost of what is known. */
function detailOf(faults: readonly Error[]): string {
  for (const fault of faults) {
    const said = 'serverErrorMessage' in fault ? fault.serverErrorMessage : undefined;
    if (typeof said === 'string' && said !== '') return said;
  }
  return faults.at(-1)?.message ?? '';
}

/** The error, what it was made of and its causes. */
export function* faultsIn(error: unknown, depth = 0): Generator<Error> {
  if (!(error instanceof Error) || depth > DEPTH_MAX) return;
  yield error;
  if (error instanceof AggregateError) {
    for (const part of error.errors) yield* faultsIn(part, depth + 1);
  }
  yield* faultsIn(error.cause, depth + 1);
}
