import { BlockList } from 'node:net';
import test from 'ava';
import { parseNetworks, refusalOf } from '../../src/notify/networks.ts';

const NONE = new BlockList();

const REFUSED = {
  '0.0.0.0': 'unspecified',
  '10.1.2.3': 'private',
  '100.64.0.1': 'shared (CGNAT)',
  '127.0.0.1': 'loopback',
  '127.255.255.254': 'loopback',
  '169.254.169.254': 'link-local',
  '172.16.0.1': 'private',
  '172.31.255.255': 'private',
  '192.0.0.192': 'reserved',
  '192.0.2.1': 'documentation',
  '192.168.1.1': 'private',
  '198.18.0.1': 'benchmarking',
  '198.51.100.7': 'documentation',
  '203.0.113.9': 'documentation',
  '224.0.0.1': 'multicast',
  '255.255.255.255': 'reserved',
  '::': 'unspecified',
  '::1': 'loopback',
  '::127.0.0.1': 'not globally routed',
  '::ffff:127.0.0.1': 'loopback',
  '::ffff:a9fe:a9fe': 'link-local',
  '0:0:0:0:0:ffff:10.0.0.1': 'private',
  '64:ff9b::127.0.0.1': 'loopback',
  '64:ff9b::a9fe:a9fe': 'link-local',
  '64:ff9b:1::1': 'private (local NAT64)',
  '2002:7f00:1::': 'loopback',
  '2002:a9fe:a9fe::1': 'link-local',
  '2001:0:4136:e378::': 'reserved (Teredo and others)',
  '2001:db8::1': 'documentation',
  '3fff::1': 'documentation',
  'fc00::1': 'private (unique local)',
  'fd00:ec2::254': 'private (unique local)',
  'fe80::1': 'link-local',
  'fe80::1%lo': 'link-local',
  'ff02::1': 'multicast',
  '100::1': 'not globally routed',
  '5f00::1': 'not globally routed',
  '4000::1': 'not globally routed',
  localhost: 'no IP address',
  '': 'no IP address',
};
for (const [address, kind] of Object.entries(REFUSED)) {
  test(`"${address}" is ${kind}`, (t) => {
    t.is(refusalOf(address, NONE), kind);
  });
}

for (const address of [
  '1.1.1.1',
  '172.15.255.255',
  '172.32.0.0',
  '100.128.0.0',
  '223.255.255.255',
  '2606:4700:4700::1111',
  '::ffff:1.1.1.1',
  '64:ff9b::1.1.1.1',
  '2002:101:101::1',
]) {
  test(`${address} is public`, (t) => {
    t.is(refusalOf(address, NONE), undefined);
  });
}

test('an allowed network is allowed in each notation, its neighbour is not', (t) => {
  const networks = parseNetworks(['10.1.0.0/16', 'fd00:1::/32', '169.254.169.254']);
  if (!networks.ok) throw new Error(networks.error);
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '64:ff9b::10.1.2.3', 'fd00:1::5']) {
    t.is(refusalOf(address, networks.value), undefined, address);
  }
  t.is(refusalOf('169.254.169.254', networks.value), undefined);
  for (const address of ['10.2.0.0', '169.254.169.253', 'fd00:2::1']) {
    t.truthy(refusalOf(address, networks.value), address);
  }
});

test('a text that is no network is named', (t) => {
  for (const text of [
    '',
    'intranet',
    '10.0.0.0/33',
    '10.0/8',
    '::/129',
    '10.0.0.0/',
    '1.1.1.1/-1',
  ]) {
    const parsed = parseNetworks(['10.0.0.0/8', text]);
    t.false(parsed.ok, text);
    if (!parsed.ok) t.true(parsed.error.includes(`"${text}"`));
  }
});
