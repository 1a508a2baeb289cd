/** Which addresses are the public internet's. Everything else is refused to receivers unless they are allowed it. */
import { BlockList, isIP } from 'node:net';
import { err, ok, type Result } from '../model/result.ts';

/** IANA's special-purpose registry for IPv4 (RFC 6890 and later), and multicast. */
const SPECIAL_V4 = [
  ['0.0.0.0', 8, 'unspecified'],
  ['10.0.0.0', 8, 'private'],
  ['100.64.0.0', 10, 'shared (CGNAT)'],
  ['127.0.0.0', 8, 'loopback'],
  ['169.254.0.0', 16, 'link-local'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'reserved'],
  ['192.0.2.0', 24, 'documentation'],
  ['192.88.99.0', 24, 'reserved'],
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'benchmarking'],
  ['198.51.100.0', 24, 'documentation'],
  ['203.0.113.0', 24, 'documentation'],
  ['224.0.0.0', 4, 'multicast'],
  ['240.0.0.0', 4, 'reserved'],
] as const;

/** Names for people; what is not in `2000::/3` is refused whether it has one or not. */
const SPECIAL_V6 = [
  ['::', 128, 'unspecified'],
  ['::1', 128, 'loopback'],
  ['64:ff9b:1::', 48, 'private (local NAT64)'],
  ['2001::', 23, 'reserved (Teredo and others)'],
  ['2001:db8::', 32, 'documentation'],
  ['3fff::', 20, 'documentation'],
  ['fc00::', 7, 'private (unique local)'],
  ['fe80::', 10, 'link-local'],
  ['fec0::', 10, 'private (site-local)'],
  ['ff00::', 8, 'multicast'],
] as const;

/** Addresses that stand for an IPv4 address, and the 16-bit group at which that begins. */
const CARRIERS = [
  { prefix: '::ffff:0:0', bits: 96, group: 6 }, // IPv4-mapped
  { prefix: '64:ff9b::', bits: 96, group: 6 }, // NAT64, RFC 6052
  { prefix: '2002::', bits: 16, group: 1 }, // 6to4
] as const;

const specialV4 = SPECIAL_V4.map(([net, bits, kind]) => ({ kind, list: v4List(net, bits) }));
const specialV6 = SPECIAL_V6.map(([net, bits, kind]) => ({ kind, list: v6List(net, bits) }));
const carriers = CARRIERS.map(({ prefix, bits, group }) => ({ group, list: v6List(prefix, bits) }));
const globalV6 = v6List('2000::', 3);

/** A set of networks in CIDR notation; one address alone is a network of itself. */
export function parseNetworks(texts: readonly string[]): Result<BlockList, string> {
  const list = new BlockList();
  for (const text of texts) {
    const [, network = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
    const version = isIP(network);
    const bitsMax = version === 4 ? 32 : 128;
    const bits = length === undefined ? bitsMax : Number(length);
    if (version === 0 || bits > bitsMax) {
      return err(`"${text}" is no network: expected an address and a length, like 10.1.0.0/16`);
    }
    list.addSubnet(network, bits, version === 4 ? 'ipv4' : 'ipv6');
  }
  return ok(list);
}

/**
 * Why an address is not to be connected to; undefined if it may be. An address that carries an IPv4 address in it is judged
 * by that one, for that is where its packets go.
 */
export function refusalOf(addressAndZone: string, allowed: BlockList): string | undefined {
  const [address = ''] = addressAndZone.split('%');
  const version = isIP(address);
  if (version === 0) return 'no IP address';
  if (allowed.check(address, version === 4 ? 'ipv4' : 'ipv6')) return undefined;
  if (version === 4) return specialV4.find(({ list }) => list.check(address, 'ipv4'))?.kind;
  const carrier = carriers.find(({ list }) => list.check(address, 'ipv6'));
  if (carrier !== undefined) return refusalOf(v4In(address, carrier.group), allowed);
  const special = specialV6.find(({ list }) => list.check(address, 'ipv6'));
  if (special !== undefined) return special.kind;
  return globalV6.check(address, 'ipv6') ? undefined : 'not globally routed';
}

function v4In(address: string, group: number): string {
  const groups = groupsOf(address);
  const [high = 0, low = 0] = [groups[group], groups[group + 1]];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The eight groups of an IPv6 address. The URL parser writes it in one form: hexadecimal, at most one `::`. */
function groupsOf(address: string): readonly number[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::').map((side) => side.split(':').filter(Boolean));
  if (tail === undefined) return [...head].map((group) => Number.parseInt(group, 16));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
}

function v4List(network: string, bits: number): BlockList {
  const list = new BlockList();
  list.addSubnet(network, bits, 'ipv4');
  return list;
}

function v6List(network: string, bits: number): BlockList {
  const list = new BlockList();
  list.addSubnet(network, bits, 'ipv6');
  return list;
}
