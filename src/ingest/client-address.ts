/** Who sent a request, where proxies stand in between. */
import { BlockList, isIP } from 'node:net';

export class TrustedProxies {
  readonly #networks = new BlockList();
  readonly isEmpty: boolean;

  /** Addresses or networks in CIDR notation, already checked by the configuration. */
  constructor(networks: readonly string[]) {
    this.isEmpty = networks.length === 0;
    for (const network of networks) {
      const [address = '', prefix] = network.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (prefix === undefined) this.#networks.addAddress(address, family);
      else this.#networks.addSubnet(address, Number(prefix), family);
    }
  }

  /**
   * `peer` is the socket's other end, `forwardedFor` the header: each proxy appends whom it heard, so the sender
   * is the last entry that is not a proxy of ours. Whatever stands before it may be invented.
   */
  clientOf(peer: string, forwardedFor: string): string {
    let client = plain(peer);
    if (this.isEmpty || forwardedFor === '') return client;
    const heard = forwardedFor.split(',');
    while (heard.length > 0 && this.#trusts(client)) {
      const before = plain((heard.pop() as string).trim());
      if (isIP(before) === 0) break;
      client = before;
    }
    return client;
  }

  #trusts(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#networks.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }
}

/** The IPv4 address in one that a dual-stack socket reports as IPv6, in hexadecimal or dotted form. */
function plain(address: string): string {
  const [, hex, dotted] = MAPPED_IPV4.exec(address) ?? [];
  if (hex === undefined) return dotted ?? address;
  return [...Buffer.from(hex.replace(':', ''), 'hex')].join('.');
}

const MAPPED_IPV4 = /^(?:::|(?:0000:){5})ffff:(?:([0-9a-f]{4}:[0-9a-f]{4})|([0-9.]+))$/i;
