/**
 * The guard against server-side request forgery: the only way by which a receiver's connection is opened.
 *
 * A receiver's address comes from people who may not reach what this machine reaches: its loopback, its network, the cloud's
 * metadata service. So each connection is judged where names no longer matter: every address that the name has at that
 * moment, and once more the address that the socket came to, before a byte is sent. A URL's own notation of an address
 * (decimal, octal, IPv4 in IPv6) makes no difference there, and neither does a name that changes between two looks (DNS
 * rebinding). That holds only if no connection outlives its judgement: use each for one request.
 */
import { lookup } from 'node:dns';
import { type BlockList, createConnection, isIP, type LookupFunction, type Socket } from 'node:net';
import { parseNetworks, refusalOf } from './networks.ts';

/**
 * The address is one that the receiver may not reach. The message is shown to the receiver's tenant, who must not learn by it
 * what inner names lead to: of the address it says only what the tenant wrote.
 */
export class AddressRefused extends Error {
  readonly host: string;
  readonly address: string;
  /** Of its network. */
  readonly kind: string;

  constructor(host: string, address: string, kind: string) {
    const what =
      host === address
        ? `${address} is ${kind}`
        : `${host} leads to an address that is not allowed`;
    super(`${what}; allowNetworks of the receiver would have to name it`);
    this.name = 'AddressRefused';
    this.host = host;
    this.address = address;
    this.kind = kind;
  }
}

export interface Guard {
  /** A TCP connection to an address that was judged, not yet written to. */
  connect(host: string, port: number, signal: AbortSignal): Promise<Socket>;
}

/**
 * @param allowNetworks CIDR; must have been checked
 * @param resolve the system's resolver unless a test brings its own
 * @param onRefused told in full, for who runs the server
 */
export function createGuard(
  allowNetworks: readonly string[],
  resolve: LookupFunction = lookup,
  onRefused: (refusal: AddressRefused) => void = () => {},
): Guard {
  const networks = parseNetworks(allowNetworks);
  if (!networks.ok) throw new RangeError(networks.error);
  const allowed = networks.value;
  const judgedLookup = judging(resolve, allowed);
  return {
    connect(hostInUrl, port, signal) {
      const host = hostInUrl.replace(/^\[(.*)\]$/, '$1');
      return new Promise((opened, refuse) => {
        const failed = (error: unknown): void => {
          if (error instanceof AddressRefused) onRefused(error);
          refuse(error);
        };
        // Node asks no resolver about a literal address.
        const refusalOfLiteral = isIP(host) === 0 ? undefined : refusalFor(host, host, allowed);
        if (refusalOfLiteral !== undefined) {
          failed(refusalOfLiteral);
          return;
        }
        const socket = createConnection({ host, port, lookup: judgedLookup, signal });
        socket.once('error', failed);
        socket.once('connect', () => {
          const refusal = refusalFor(host, socket.remoteAddress ?? '', allowed);
          if (refusal !== undefined) {
            socket.destroy(refusal);
            return;
          }
          socket.off('error', failed);
          opened(socket);
        });
      });
    },
  };
}

/** One refused address refuses the name: a name that points inside and outside has been made for that. */
function judging(resolve: LookupFunction, allowed: BlockList): LookupFunction {
  return (host, options, done) => {
    resolve(host, { ...options, all: true }, (error, found) => {
      if (error !== null) {
        done(error, []);
        return;
      }
      const addresses = Array.isArray(found) ? found : [];
      const [first] = addresses;
      try {
        for (const { address } of addresses) {
          const refusal = refusalFor(host, address, allowed);
          if (refusal !== undefined) throw refusal;
        }
        if (first === undefined) throw new Error(`${host} has no address`);
      } catch (refusal) {
        done(refusal instanceof Error ? refusal : new Error(String(refusal)), []);
        return;
      }
      if (options.all) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}

function refusalFor(host: string, address: string, allowed: BlockList): AddressRefused | undefined {
  const kind = refusalOf(address, allowed);
  return kind === undefined ? undefined : new AddressRefused(host, address, kind);
}
