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

/**
 * The part of an address that tells a provider and its region, and no household: 24 bits of IPv4, 48 of IPv6. Empty for what is
 * no address.
 */
export function networkOf(address: string): string {
  if (isIP(address) === 4) return `${address.slice(0, address.lastIndexOf('.'))}.0`;
  if (isIP(address) !== 6) return '';
  const [before = '', after] = address.split('::');
  const groups = before === '' ? [] : before.split(':');
  // What "::" stands for is zeros; groups behind it lie behind the third unless it stands for very few.
  if (after !== undefined) {
    const behind = after === '' ? [] : after.split(':');
    const missing = 8 - groups.length - behind.length;
    groups.push(...Array.from({ length: missing }, () => '0'), ...behind);
  }
  const first = groups.slice(0, 3).map((group) => Number.parseInt(group, 16).toString(16));
  return `${first.join(':')}::`;
}
